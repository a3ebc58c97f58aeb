//go:build unix

// Package rlimit tells what the system lets a process have.
package rlimit

import (
	"math"
	"syscall"
)

// Files returns how many descriptors the process may have open at once. The Go
// runtime has raised that to what the system allows at most.
func Files() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}
