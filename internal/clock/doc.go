// Package clock is the time that a member of a group goes by: two clocks, and the
// processor's counter.
//
// The steady clock never goes back, and goes on while the process is stopped, but on
// some systems not while the machine sleeps. The one on the wall does then, but may
// be set. The counter costs a quarter of what the two cost. What it counts in is not
// known, only that it is at least [LowestPerSecond] while it is one that [Clock.Counts]
// reports to be usable. So it serves one question: may more than so much time have
// passed since a moment at which the counter stood at so much?
//
//	var c clock.Clock // the machine's
//	if c.Counts() {
//		began := c.Count()
//		...
//		recent := c.Count()-began < 1<<16 // at most 2^16 / LowestPerSecond ago
//	}
//
// The counter goes on while a process is stopped. When a machine sleeps it goes on
// too or begins at 0 again: the difference, taken without sign, is then too large to
// be recent. A virtual machine that is saved and restored has its counter, and with it
// the clocks, as they were.
//
// A simulation hands in a [Virtual] clock, which it lets drift, jump and stop.
package clock
