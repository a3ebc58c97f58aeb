//go:build planted

package planted

import "sync/atomic"

// switches has true at each bug that is on. The mistakes sit in code that runs
// on many goroutines, hence atomics.
var switches [1 << 8]atomic.Bool

// On reports whether the bug is switched on.
func On(b Bug) bool { return switches[b].Load() }

// Set switches a bug on or off for the whole process. Tests use [With], which
// also switches it off again; Set is for a process that a test starts.
//
// It panics on a bug that is not in the list: a switch that nothing asks for
// would make a test pass or fail for no reason anyone could see.
func Set(b Bug, on bool) {
	if b == 0 || int(b) > len(Bugs) {
		panic("planted: no such bug: " + b.String())
	}
	switches[b].Store(on)
}

// anyOn reports whether any bug is on.
func anyOn() bool {
	for b := range switches {
		if switches[b].Load() {
			return true
		}
	}
	return false
}
