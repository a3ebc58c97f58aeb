// Package cycles reads the processor's counter of time, which costs a quarter of
// what the two clocks of time.Now cost.
//
// What it counts in is not known, only that it is at least [LowestPerSecond]. So
// it does for one question: may more than so much time have passed since a moment
// at which the counter stood at so much?
//
//	if cycles.Steady() {
//		began := cycles.Now()
//		...
//		recent := cycles.Now()-began < 1<<16 // at most 2^16 / LowestPerSecond ago
//	}
//
// The counter goes on while a process is stopped. When a machine sleeps it goes on
// too or begins at 0 again: the difference, taken without sign, is then too large to
// be recent. A virtual machine that is saved and restored has its counter, and with it
// the clocks, as they were.
package cycles

// LowestPerSecond is the least that a steady counter counts in a second: no
// processor that has one is slower.
const LowestPerSecond = 500_000_000
