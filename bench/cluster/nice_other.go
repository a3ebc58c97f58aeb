//go:build !linux

package cluster

// beNice does nothing where a process cannot yield as a whole.
func beNice() error { return nil }
