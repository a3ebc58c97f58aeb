package member

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Reader is what goroutines that do not own the turn have of a member. All its methods
// may be called by any of them, and while locks are held: none blocks.
type Reader struct {
	clock clock.Clock
	doubt func() // called once each time that a reader finds the lease in doubt

	state   atomic.Pointer[store.Store] // replaced while the member observes only
	inView  atomic.Bool                 // and so, with a lease, reads and writes are taken
	leaving atomic.Bool                 // takes no new writes
	damage  atomic.Pointer[Damage]

	until     struct{ steady, wall atomic.Int64 } // from then on nobody is served
	look      look
	asked     atomic.Bool // doubt was called since the lease was last in no doubt
	detection atomic.Int64
	level     atomic.Uint32 // the feature level of the view
}

// Serves reports whether clients may be served now. Whoever reads the state asks
// first: a process that was stopped meanwhile finds its lease run out.
func (r *Reader) Serves() bool {
	if !r.inView.Load() {
		return false
	}
	count := r.clock.Count()
	return r.look.holds(count) || r.last(count)
}

// last looks at both clocks to see whether the lease lasts. count is what the
// processor's counter said before.
func (r *Reader) last(count uint64) bool {
	now := r.clock.Now()
	steady, wall := r.left(now)
	if r.clock.Counts() {
		r.look.took(count, min(steady, wall))
	}
	if steady > 0 && wall <= 0 && r.asked.CompareAndSwap(false, true) {
		r.doubt()
	}
	return steady > 0 && wall > 0
}

// left is how long the lease lasts by each clock.
func (r *Reader) left(now clock.Moment) (steady, wall time.Duration) {
	return time.Duration(r.until.steady.Load()) - now.Steady, time.Duration(r.until.wall.Load()) - now.Wall
}

// State returns the state. It is to be read only while Serves, or by those who accept
// what may be stale.
func (r *Reader) State() *store.Store { return r.state.Load() }

// Get returns a variable that reflects position or a later one. If the member does
// not serve, or has not applied the position, ok is false.
func (r *Reader) Get(key string, position uint64) (data []byte, version, reflects uint64, ok bool) {
	if !r.Serves() {
		return nil, 0, 0, false
	}
	s := r.state.Load()
	if s.Applied() < position {
		return nil, 0, 0, false
	}
	data, version, reflects = s.Get(key)
	return data, version, reflects, true
}

// InView reports whether the member is in a view.
func (r *Reader) InView() bool { return r.inView.Load() }

// Leaving reports whether the member is leaving: it takes no new writes.
func (r *Reader) Leaving() bool { return r.leaving.Load() }

// Damage returns what is known of damage to the state, nil if nothing is.
func (r *Reader) Damage() *Damage { return r.damage.Load() }

// Detection returns the group's failure detection time.
func (r *Reader) Detection() time.Duration { return time.Duration(r.detection.Load()) }

// FeatureLevel returns the feature level of the view.
func (r *Reader) FeatureLevel() uint32 { return r.level.Load() }

// Refuse returns why a client may not have an operation ordered in the view, and nil if
// it may. It is for the view of now: a node of a lower level may join while the command is
// under way.
func (r *Reader) Refuse(o *wire.Operation) *wire.Refusal { return o.Refuse(r.level.Load()) }

// LeaseEnd returns when the lease ends by the steady clock.
func (r *Reader) LeaseEnd() time.Duration { return time.Duration(r.until.steady.Load()) }

// Clock returns the member's clock.
func (r *Reader) Clock() clock.Clock { return r.clock }
