//go:build planted

package planted

import "sync/atomic"

// switches has bit b set while bug b is on. The mistakes sit in code that runs
// on many goroutines, hence an atomic.
var switches atomic.Uint64

// On reports whether the bug is switched on.
func On(b Bug) bool { return switches.Load()&bit(b) != 0 }

// Set switches a bug on or off for the whole process. Tests use [With], which
// also switches it off again; Set is for a process that a test starts.
func Set(b Bug, on bool) {
	if on {
		switches.Or(bit(b))
	} else {
		switches.And(^bit(b))
	}
}

// bit panics on a bug that is not in the list: a switch that nothing asks for
// would make a test pass or fail for no reason anyone could see.
func bit(b Bug) uint64 {
	if b == 0 || int(b) > len(Bugs) {
		panic("planted: no such bug: " + b.String())
	}
	return 1 << b
}
