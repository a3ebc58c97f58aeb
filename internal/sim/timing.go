package sim

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/oracle"
)

// Variables expire by what members have counted. What follows holds them to true time: none
// expires early, whatever befalls members and their clocks, and once faults are over none
// expires late.

// moment is when the first replica has applied the order up to a position.
type moment struct {
	last uint64
	at   time.Duration
}

// jump is a steady clock that has jumped ahead.
type jump struct{ at, by time.Duration }

// came notes that a replica has applied the order up to a position.
func (o *order) came(last uint64) {
	if n := len(o.moments); n == 0 || o.moments[n-1].last < last {
		o.moments = append(o.moments, moment{last, o.w.Now})
	}
}

// cameAt is when the first replica has applied a position. With agreed delivery, where one that
// is lost may have had something else there, it may be sooner.
func (o *order) cameAt(position uint64) time.Duration {
	return o.moments[sort.Search(len(o.moments), func(i int) bool { return o.moments[i].last >= position })].at
}

// expired holds that a variable does not expire early: from when the first replica has
// applied the command that set its TTL until the first has applied the tick that removes it,
// no less has passed.
func (o *order) expired(position uint64, e oracle.Expiry) {
	if e.Owner != 0 {
		if !o.w.traits.agreed {
			o.orphans = append(o.orphans, oracle.Gone(&e, o.cameAt(e.Version), o.at))
		}
		return
	}
	set, ttl := o.cameAt(e.Set), time.Duration(e.TTL)*time.Millisecond
	earliest := set + o.w.leastTrue(ttl, set)
	if o.at < earliest {
		o.w.fail("time: %q expires at %d, %v after its TTL of %v was set at %d", e.Key, position, o.at-set, ttl, e.Set)
	}
	if !o.w.traits.agreed {
		o.expiries = append(o.expiries, oracle.Gone(&e, earliest, o.at))
	}
}

// ended holds that a session does not expire early either: from when the first replica has
// applied its last command.
func (o *order) ended(position uint64, e oracle.End) {
	last, ttl := o.cameAt(e.Last), time.Duration(e.TTL)*time.Millisecond
	if o.at < last+o.w.leastTrue(ttl, last) {
		o.w.fail("time: session %d expires at %d, %v after its last command at %d, with a TTL of %v", e.Session, position, o.at-last, e.Last, ttl)
	}
}

// leastTrue is how much true time passes at least from from on until members' clocks may have
// counted d. They run faster than true time by the seed's drift at most. A steady clock that
// jumps ahead, which no real one does, counts the jump, but no more of it than a tick may
// count.
func (w *world) leastTrue(d, from time.Duration) time.Duration {
	for _, j := range w.jumps {
		if j.at >= from {
			d -= min(j.by, w.traits.tick)
		}
	}
	return max(time.Duration(float64(d)/(1+w.traits.drift))-time.Microsecond, 0)
}

// mostTrue is how much true time passes at most until a clock has counted d.
func (w *world) mostTrue(d time.Duration) time.Duration {
	return time.Duration(float64(d)/(1-w.traits.drift)) + time.Microsecond
}

// late is how late a variable may expire in a group in which nothing else happens, beside the
// time that a message takes.
const late = 50 * time.Millisecond

// carries is how long the group takes to order a tick, and one that it waits for, at most:
// several hops and turns, each behind what else the members have to say.
func (t *traits) carries() time.Duration {
	return 8 * (t.latency + t.jitter + t.spike + 10*t.pace + t.bandwidth.port.Time(t.nodes*linkBytes))
}

// mostWaited bounds the TTLs whose end is waited for.
const mostWaited = 6 * time.Second

// expire lets what has a TTL expire, and holds that it does so in time. With agreed delivery
// nobody knows what has one until the run is over.
func (w *world) expire() {
	o, t := w.order(w.registry.disk.Generation), &w.traits
	if t.agreed {
		return
	}
	list := o.oracle.Timed()
	list = slices.DeleteFunc(list, func(e oracle.Expiry) bool { return e.Left > mostWaited.Milliseconds() })
	slices.SortStableFunc(list, func(a, b oracle.Expiry) int { return cmp.Compare(a.Left, b.Left) })
	began := w.Now
	for _, e := range list {
		left := time.Duration(e.Left) * time.Millisecond
		w.runUntil(began + w.mostTrue(left+late) + t.carries())
		for _, other := range o.oracle.Timed() {
			if other.Key == e.Key && other.Set == e.Set {
				w.fail("time: %q of TTL %d ms is still there, with %d ms left, %v after it had %v left, in a group at rest",
					e.Key, e.TTL, other.Left, w.Now-began, left)
			}
		}
		w.counts.InTime++
	}
}
