// Package sparelog keeps what others can cause at will, such as a connection that
// makes no sense, from filling the log:
//
//	var refusals sparelog.Gate // its zero value is ready for use
//	...
//	if left, ok := refusals.Open(time.Now()); ok {
//		log.Warn("refused", "reason", reason, "left_out", left)
//	}
package sparelog

import (
	"sync/atomic"
	"time"
)

// Burst lines in a row get through a Gate, and then one each Interval.
const (
	Burst    = 10
	Interval = time.Second
)

// epoch is the beginning of time for Gates, before which they have let nothing
// through. It has a monotonic reading, as all times that they are given have, so
// that a clock that is set neither opens nor closes them.
var epoch = time.Now().Add(-Burst * Interval)

// Gate lets a line through now and then. Its methods may be called by many
// goroutines at once.
type Gate struct {
	spent atomic.Int64 // what the lines let through have used up, as a time since epoch: Interval a line
	left  atomic.Int64 // lines not let through since the last that was
}

// Open tells whether a line may be logged now, and how many before it were not.
func (g *Gate) Open(now time.Time) (left int64, ok bool) {
	at := now.Sub(epoch)
	for {
		spent := g.spent.Load()
		next := max(spent, int64(at-Burst*Interval)) + int64(Interval)
		if next > int64(at) {
			g.left.Add(1)
			return 0, false
		}
		if g.spent.CompareAndSwap(spent, next) {
			return g.left.Swap(0), true
		}
	}
}
