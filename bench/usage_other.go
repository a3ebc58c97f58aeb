//go:build !linux

package bench

// readProcessUsage has nothing to tell here.
func readProcessUsage() (processUsage, error) { return processUsage{}, nil }
