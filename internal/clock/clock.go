package clock

import "time"

// LowestPerSecond is the least that a usable counter counts in a second: no
// processor that has one is slower.
const LowestPerSecond = 500_000_000

// Moment is a time by both clocks, since a moment long before the process began: so
// neither is 0 or less, also in tests whose time begins in another year.
type Moment struct{ Steady, Wall time.Duration }

// Clock tells the time. The zero value is the machine's.
type Clock struct{ v *Virtual }

// Virtual is a clock that somebody else moves.
type Virtual struct {
	Now    func() Moment
	Count  func() uint64
	Counts bool // Count may be used
}

// Of returns the clock that v describes.
func Of(v *Virtual) Clock { return Clock{v} }

const longBefore = 100 * 365 * 24 * time.Hour

var epoch = time.Now().Add(-longBefore)

// Now returns the time by both clocks.
func (c Clock) Now() Moment {
	if c.v != nil {
		return c.v.Now()
	}
	t := time.Now()
	return Moment{Steady: t.Sub(epoch), Wall: time.Duration(t.UnixNano() - epoch.UnixNano())}
}

// Steady returns the time by the steady clock alone.
func (c Clock) Steady() time.Duration {
	if c.v != nil {
		return c.v.Now().Steady
	}
	return time.Since(epoch)
}

// Count returns the processor's counter. It is not ordered with the instructions
// around it, but nothing can stop the process between the two without ordering them.
func (c Clock) Count() uint64 {
	if c.v != nil {
		return c.v.Count()
	}
	return count()
}

// Counts reports whether the counters of all processors agree and never change
// their speed, so that Count may be used.
func (c Clock) Counts() bool {
	if c.v != nil {
		return c.v.Counts
	}
	return counts()
}
