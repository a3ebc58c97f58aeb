package member

import (
	"sync/atomic"
	"time"
)

// look remembers, for a moment, that both clocks were looked at and the lease was
// far from its end. Two clocks would be most of what an embedded read costs; the
// processor's counter tells for a quarter of that whether it was just now. The
// counter has no part in when a lease ends, and whatever befell the process since
// the look, it has gone on or begun anew: see package clock.
type look struct {
	at atomic.Uint64 // what the counter said before the look, 0: none counts
}

const (
	// lookCycles is for how long a look counts, by the counter: 131 us at most, 26 us
	// at 2.5 GHz.
	lookCycles = 1 << 16

	// leastLeft is what must have been left of the lease then. It is a lot more.
	leastLeft = 10 * time.Millisecond
)

// holds tells whether the last look counts when the counter says count.
func (l *look) holds(count uint64) bool {
	at := l.at.Load()
	return at != 0 && count-at < lookCycles
}

// forget has the next reader look at the clocks.
func (l *look) forget() {
	if l.at.Load() != 0 {
		l.at.Store(0)
	}
}

// took takes note of a look before which the counter said count, and by which so
// much was left of the lease.
func (l *look) took(count uint64, left time.Duration) {
	switch {
	case left > leastLeft:
		l.at.Store(count)
	default:
		l.forget()
	}
}
