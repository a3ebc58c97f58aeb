// Package clock is the time of a member: two clocks, and the processor's counter.
//
// The steady clock never goes back. It continues while the process is stopped, but on
// some systems not while the machine sleeps. The wall clock continues then, but may be
// set. Reading the counter costs a quarter of reading both clocks. Its rate is not known,
// but it is at least [LowestPerSecond] if [Clock.Counts] reports that the counter is
// usable. So the counter answers one question: can more than a given time have passed
// since the counter had a given value?
//
//	var c clock.Clock // the machine's
//	if c.Counts() {
//		began := c.Count()
//		...
//		recent := c.Count()-began < 1<<16 // at most 2^16 / LowestPerSecond ago
//	}
//
// The counter continues while a process is stopped. When a machine sleeps, the counter
// continues or begins at 0 again; the difference, taken without sign, is then too large to
// be recent. If a virtual machine is saved and restored, its counter and its clocks are
// restored too.
//
// A simulation hands in a [Virtual] clock, which it lets drift, jump and stop.
package clock
