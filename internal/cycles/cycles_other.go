//go:build !(linux && amd64)

package cycles

// Now returns 0: there is no counter that could be used.
func Now() uint64 { return 0 }

// Steady reports false.
func Steady() bool { return false }
