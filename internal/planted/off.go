//go:build !planted

package planted

// On reports whether a bug is switched on: never, in a build without the tag
// "planted". The constant lets the compiler drop the branch that asks.
func On(Bug) bool { return false }
