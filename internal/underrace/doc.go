// Package underrace reports whether the race detector is on. It is for tests only. What one
// goroutine does shows the detector nothing, however often, and costs many times as much under
// it: tests of random rounds make fewer of them there, and all of them without it.
//
//	for seed := range underrace.Rounds(60) {
package underrace

// Rounds returns how many of n random rounds a test makes: all of them, or a fifth under the
// race detector, at least one.
func Rounds(n int) int {
	if Enabled {
		return max(1, n/5)
	}
	return n
}
