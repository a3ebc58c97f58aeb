package store

import (
	"cmp"
	"math"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A variable with a TTL has a timer. Time is what ordered ticks count, and a tick counts
// what its sender has measured since the tick before. A variable that was set within that
// time must not be charged for all of it, so a timer is unarmed at first. It starts with the
// first tick whose sender had applied the command that set it when the measuring ended: all
// that later ticks count came after the command. So no variable expires early, whoever ticks,
// and the time that passes until the timer starts is added to its TTL.

// timer is when a variable expires.
type timer struct {
	entry    *entry
	ttl      uint64 // in milliseconds
	set      uint64 // position of the command that set it
	deadline uint64 // of the group's clock, or unarmed
}

// unarmed is the deadline of a timer that has not started.
const unarmed = math.MaxUint64

// Bounds of the variables that one command removes. Every replica applies them, so they are
// part of the protocol.
const (
	// maxExpiries bounds those that a tick removes because they are due. The others follow
	// with the next ticks, between which writes go on.
	maxExpiries = 256
	// maxOwned bounds those that a command removes because their owners have ended: the
	// variables of a session go together, unless there are a great many.
	maxOwned = 10_000
)

// timers are those of all variables that have one, the owner's alone.
type timers struct {
	of    map[*entry]timer // whose entries are timed
	queue *btree.BTreeG[timer]
	sum   uint64  // of the hashes of all
	moved []timer // scratch for those that start
}

func newTimers() timers {
	return timers{of: make(map[*entry]timer), queue: btree.NewBTreeGOptions(earlier, btree.Options{NoLocks: true})}
}

// earlier orders timers by their deadlines. What starts with one tick is in the order of its
// positions.
func earlier(a, b timer) bool {
	return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.set, b.set), cmp.Compare(a.key(), b.key())) < 0
}

// key is "" of what is only compared with.
func (t *timer) key() string {
	if t.entry == nil {
		return ""
	}
	return t.entry.key
}

func (t *timer) hash() uint64 {
	if planted.On(planted.TimersNotInSnapshot) {
		return 0
	}
	return hashTimer(t.entry.keyHash, t.ttl, t.set, t.deadline)
}

// add gives a variable that has none a timer.
func (t *timers) add(r timer) {
	r.entry.timed = true
	t.of[r.entry] = r
	t.queue.Set(r)
	t.sum += r.hash()
}

// remove takes away the timer of a variable that has one.
func (t *timers) remove(e *entry) {
	r := t.of[e]
	e.timed = false
	delete(t.of, e)
	t.queue.Delete(r)
	t.sum -= r.hash()
}

// set gives a variable a TTL, from the command at position on.
func (t *timers) set(e *entry, ttl, position, clock uint64) {
	t.clear(e)
	r := timer{entry: e, ttl: ttl, set: position, deadline: unarmed}
	if planted.On(planted.TimerFromCommand) {
		r.deadline = clock + ttl + 1
	}
	t.add(r)
}

// clear takes the TTL away from a variable, if it has one.
func (t *timers) clear(e *entry) {
	if e.timed {
		t.remove(e)
	}
}

// left returns what is left of a variable's TTL, in milliseconds. ok is false if it has none.
func (t *timers) left(e *entry, clock uint64) (millis uint64, ok bool) {
	if !e.timed {
		return 0, false
	}
	r := t.of[e]
	if r.deadline == unarmed {
		return r.ttl, true
	}
	return min(r.deadline-min(clock, r.deadline), r.ttl), true
}

// startTimers starts those that were set up to a position. A timer counts whole milliseconds,
// and the tick with which it starts may have kept the part of one.
func (s *Store) startTimers(position, clock uint64) {
	t := &s.variables.timers
	t.queue.Ascend(timer{deadline: unarmed}, func(r timer) bool {
		if r.set > position {
			return false
		}
		t.moved = append(t.moved, r)
		return true
	})
	for _, r := range t.moved {
		if !s.meetsTimer(r) {
			continue
		}
		e, ttl := r.entry, r.ttl
		t.remove(e)
		t.add(timer{entry: e, ttl: ttl, set: r.set, deadline: clock + ttl + 1})
	}
	clear(t.moved)
	if t.moved = t.moved[:0]; cap(t.moved) > maxOwned {
		t.moved = nil
	}
}

// meetsTimer compares a timer that a tick has found with the one that its variable has. If
// they differ, memory is damaged, and the timer is dropped.
func (s *Store) meetsTimer(r timer) bool {
	t := &s.variables.timers
	if t.of[r.entry] == r {
		return true
	}
	t.queue.Delete(r)
	s.notes.Damage = damaged("the timer of variable %.80q, which a tick has met,", r.entry.key)
	s.Suspect()
	return false
}

// passTime lets time pass: what is due expires, and what was set up to the position that the
// tick's sender knew starts.
func (s *Store) passTime(position uint64, c *wire.Command) wire.Status {
	if c.Expect >= position {
		return wire.StatusBadRequest
	}
	if status := s.tick(c.Delta); status != wire.StatusOK {
		return status
	}
	s.sessions.passTime(c.Expect)
	s.expireOwned(position)
	t, clock := &s.variables.timers, s.sessions.clock
	for range maxExpiries {
		next, ok := t.queue.Min()
		if !ok || next.deadline > clock {
			break
		}
		if s.meetsTimer(next) {
			s.variables.expire(next.entry, position)
		}
	}
	s.startTimers(c.Expect, clock)
	return wire.StatusOK
}

// Due says when time must pass next.
type Due struct {
	Unarmed bool   // as soon as may be: timers wait to be started
	Timed   bool   // when Left milliseconds have passed: a variable or a session expires
	Left    uint64 // 0: it should have expired
}

// Due returns when time must pass next for variables with a TTL or an owner that has ended, and
// for sessions with a TTL of their own, which need not begin as soon. It is for the owner, and
// costs next to nothing if there are none.
func (s *Store) Due() (d Due) {
	t := &s.variables.timers
	if len(t.of) == 0 && s.sessions.timed.count == 0 && len(s.variables.owners.dead) == 0 {
		return d
	}
	if first, ok := s.sessions.timed.deadlines.Min(); ok {
		d.due(first.deadline(), s.sessions.clock)
	}
	if len(s.variables.owners.dead) > 0 {
		d.due(0, 0)
	}
	if last, ok := t.queue.Max(); ok {
		d.Unarmed = last.deadline == unarmed
	}
	if first, ok := t.queue.Min(); ok && first.deadline != unarmed {
		d.due(first.deadline, s.sessions.clock)
	}
	return d
}

// due takes one more deadline into account.
func (d *Due) due(deadline, clock uint64) {
	left := deadline - min(deadline, clock)
	if !d.Timed || left < d.Left {
		d.Timed, d.Left = true, left
	}
}

// Timers returns how many variables have a TTL. It is for the owner.
func (s *Store) Timers() int { return len(s.variables.timers.of) }
