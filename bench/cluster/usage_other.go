//go:build !linux

package cluster

// readProcessUsage has nothing to tell here.
func readProcessUsage() (processUsage, error) { return processUsage{}, nil }
