//go:build !linux

package bench

// beNice does nothing where a process cannot yield as a whole.
func beNice() error { return nil }
