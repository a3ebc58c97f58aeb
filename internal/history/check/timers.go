package main

import (
	"cmp"
	"math"
	"slices"
)

// How many variables a tick removes because they are due, and a command because their owners
// have ended.
const (
	mostDue   = 256
	mostOwned = 10_000
)

// timers are those of all variables with a TTL, by name. The clock is what the ticks have
// counted, in milliseconds.
type timers struct {
	clock   int64
	looked  int64 // what was due by then is in due
	nearest int64 // no other deadline is before it
	waiting bool  // some may have none
	of      map[string]timer
	due     []expiry // in the order in which they expire; some may not any more
}

// timer says when a variable expires.
type timer struct {
	ttl      int64
	set      uint64 // position
	deadline int64  // 0: it has not started
}

// expiry is a variable that is due.
type expiry struct {
	key string
	timer
}

func (t *timers) set(key string, ttl int64, position uint64) {
	if t.of == nil {
		t.of, t.nearest = make(map[string]timer), math.MaxInt64
	}
	t.of[key] = timer{ttl: ttl, set: position}
	t.waiting = true
}

func (t *timers) clear(key string) { delete(t.of, key) }

// pass lets time pass, and returns the names of what has expired.
func (t *timers) pass(millis int64, known uint64) (gone []string) {
	t.clock += millis
	if t.clock >= t.nearest || t.waiting {
		t.look(known)
	}
	for len(t.due) > 0 && len(gone) < mostDue {
		first := t.due[0]
		t.due = t.due[1:]
		if t.of[first.key] == first.timer {
			t.clear(first.key)
			gone = append(gone, first.key)
		}
	}
	return gone
}

// look passes over all timers. It takes those that have become due, and has those start whose
// commands are known.
func (t *timers) look(known uint64) {
	var due []expiry
	t.nearest, t.waiting = math.MaxInt64, false
	for key, one := range t.of {
		switch {
		case one.deadline == 0 && one.set <= known:
			one.deadline = t.clock + one.ttl + 1
			t.of[key] = one
			t.nearest = min(t.nearest, one.deadline)
		case one.deadline == 0:
			t.waiting = true
		case one.deadline > t.clock:
			t.nearest = min(t.nearest, one.deadline)
		case one.deadline > t.looked:
			due = append(due, expiry{key, one})
		}
	}
	slices.SortFunc(due, func(a, b expiry) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.set, b.set), cmp.Compare(a.key, b.key))
	})
	t.due, t.looked = append(t.due, due...), t.clock
}

// tick carries out a line that counts time.
func (v *verdict) tick(e *delivered, t *timers, sessions *owners, states map[string][]state) {
	millis, ok := number(e.Value)
	if !e.OK {
		return
	}
	if !ok || e.Value == nil || millis < 0 || e.Op == "clock" && e.Expect >= e.Pos {
		v.bad("reads: %v took effect, and counts what it may not", e)
		return
	}
	if e.Op == "tick" { // of nodes that knew no TTLs
		t.clock += millis
		return
	}
	gone := sessions.pass(t.clock+millis, e.Expect)
	for _, key := range gone {
		t.clear(key)
	}
	for _, key := range t.pass(millis, e.Expect) {
		sessions.free(key)
		gone = append(gone, key)
	}
	for _, key := range gone {
		states[key] = append(states[key], state{position: e.Pos})
	}
}

// time does to the TTL of its variable what a step of a transaction does.
func (s *step) time(t *timers, position uint64, existed bool) {
	key := string(s.Key)
	switch {
	case s.Op == "expire" && !existed:
	case s.TTL > 0:
		t.set(key, s.TTL, position)
	case s.Op == "put" && !s.Keep, s.Op == "del", s.Op == "persist":
		t.clear(key)
	}
}
