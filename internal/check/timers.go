package check

import (
	"cmp"
	"time"

	"github.com/seed-8247e700/dsm/internal/heap"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds that every replica applies.
const (
	maxTick     = int64(time.Hour / time.Millisecond) // that one tick counts
	maxExpiries = 256                                 // variables that one tick removes because they are due
	maxOwned    = 10_000                              // variables that one command removes because their owners have ended
)

// timers follows TTLs: those of the variables that are looked at, by name, or those of sessions,
// by number. Its clock counts from where the checks begin, when there is none of them.
//
// Others' variables count for the bound of what a tick removes, and are not known here. So
// what this package says of expiries holds as long as ticks do not leave variables of others
// that are due to the ticks after them.
type timers[K cmp.Ordered] struct {
	clock   uint64 // ms that ticks have counted
	of      map[K]timer
	started heap.Heap[due[K]] // of which some do not count any more
	waiting []due[K]          // for a tick with which they start, in order; the same
}

// timer is that of a variable, or of a session.
type timer struct {
	ttl      uint64 // in milliseconds
	set      uint64 // position of the command that set it, of a session its last one
	deadline uint64 // of the clock; 0: it has not started
}

// due is a timer's place in a queue.
type due[K cmp.Ordered] struct {
	deadline, set uint64
	key           K
}

func (d due[K]) before(e due[K]) bool {
	return cmp.Or(cmp.Compare(d.deadline, e.deadline), cmp.Compare(d.set, e.set), cmp.Compare(d.key, e.key)) < 0
}

func newTimers[K cmp.Ordered]() timers[K] {
	return timers[K]{of: make(map[K]timer), started: heap.Heap[due[K]]{Before: due[K].before}}
}

// set gives a variable a TTL, by the command at a position. The key is kept.
func (t *timers[K]) set(key K, ttl, position uint64) {
	t.of[key] = timer{ttl: ttl, set: position}
	t.waiting = append(t.waiting, due[K]{set: position, key: key})
	t.prune()
}

// clear takes a variable's TTL away, if it has one.
func (t *timers[K]) clear(key K) { delete(t.of, key) }

// left returns what is left of a variable's TTL, wire.NoTTL if it has none.
func (t *timers[K]) left(key K) int64 {
	one, ok := t.of[key]
	switch {
	case !ok:
		return wire.NoTTL
	case one.deadline == 0:
		return int64(one.ttl)
	default:
		return int64(min(one.deadline-min(t.clock, one.deadline), one.ttl))
	}
}

// counts reports whether a place in a queue is that of a timer.
func (t *timers[K]) counts(d due[K]) bool { return t.of[d.key].set == d.set }

// next returns what a tick removes next, and takes its timer away.
func (t *timers[K]) next() (key K, ok bool) {
	for t.started.Len() > 0 && t.started.First().deadline <= t.clock {
		if d := t.started.Pop(); t.counts(d) {
			delete(t.of, d.key)
			return d.key, true
		}
	}
	return key, false
}

// start starts the timers that were set up to a position.
func (t *timers[K]) start(position uint64) {
	n := 0
	for n < len(t.waiting) && t.waiting[n].set <= position {
		if d := t.waiting[n]; t.counts(d) {
			one := t.of[d.key]
			one.deadline = t.clock + one.ttl + 1
			t.of[d.key] = one
			d.deadline = one.deadline
			t.started.Push(d)
		}
		n++
	}
	t.waiting = t.waiting[n:]
}

// kept is how many places that do not count are kept beside as many as do.
const kept = 1000

// prune drops the places that do not count, once they are most of all.
func (t *timers[K]) prune() {
	if t.started.Len()+len(t.waiting) <= 2*len(t.of)+kept {
		return
	}
	var waiting []due[K]
	for _, d := range t.waiting {
		if t.counts(d) {
			waiting = append(waiting, d)
		}
	}
	started := heap.Heap[due[K]]{Before: due[K].before}
	for _, d := range t.started.All() {
		if t.counts(d) {
			started.Push(d)
		}
	}
	t.waiting, t.started = waiting, started
}

// passTime carries out a tick, and returns what is wrong with its taking effect, or not.
func (r *Reads) passTime(e *Entry) (problem string) {
	c := &e.Command
	possible := c.Delta >= 0 && c.Delta <= maxTick && c.Expect < e.Position
	switch {
	case !e.OK && possible:
		return "was refused, and could have been done"
	case !e.OK:
		return ""
	case !possible:
		return "took effect, and could not be done"
	}
	t := &r.timers
	t.clock += uint64(c.Delta)
	r.owners.sessions.clock = t.clock
	if c.Op == wire.OpTick {
		return ""
	}
	r.passSessions(c.Expect)
	r.expireOwned(e.Position)
	for range maxExpiries {
		key, ok := t.next()
		if !ok {
			break
		}
		r.expire(key, e.Position)
	}
	t.start(c.Expect)
	return ""
}

// expire removes a variable whose time is over, or whose owner has ended.
func (r *Reads) expire(key string, position uint64) {
	r.timers.clear(key)
	r.owners.clear(key)
	v := r.variables[key]
	v.prune(r.keepFrom())
	next := version{position: position, absent: true, expired: true}
	r.change(key, next, v.present())
	v.versions = append(v.versions, next)
}

// timing is what a transaction has done to the TTL of a variable so far.
type timing struct {
	touched bool
	ttl     uint64 // if it is touched; 0: none
}

// time notes what an operation that was done does to the TTL. exists says whether the
// variable did before.
func (c *draft) time(o *wire.TxnOp, exists bool) {
	switch {
	case o.TTL > 0 && (exists || o.Kind != wire.TxnExpire):
		c.timing = timing{touched: true, ttl: o.TTL}
	case o.Kind == wire.TxnPut && !o.KeepTTL, o.Kind == wire.TxnDelete, o.Kind == wire.TxnPersist:
		c.timing = timing{touched: true}
	}
}

// left returns what is left of the TTL of a draft's variable.
func (c *draft) left(t *timers[string]) int64 {
	switch {
	case !c.timing.touched:
		return t.left(c.key)
	case c.timing.ttl == 0:
		return wire.NoTTL
	default:
		return int64(c.timing.ttl)
	}
}
