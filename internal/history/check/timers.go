package main

import (
	"cmp"
	"math"
	"slices"
)

// most is how many variables one tick removes.
const most = 10_000

// timers are those of all variables with a TTL, by name. The clock is what the ticks have
// counted, in milliseconds.
type timers struct {
	clock   int64
	nearest int64 // no deadline is before it
	waiting bool  // some may have none
	of      map[string]timer
}

// timer says when a variable expires.
type timer struct {
	ttl      int64
	set      uint64 // position
	deadline int64  // 0: it has not started
}

func (t *timers) set(key string, ttl int64, position uint64) {
	if t.of == nil {
		t.of, t.nearest = make(map[string]timer), math.MaxInt64
	}
	t.of[key] = timer{ttl: ttl, set: position}
	t.waiting = true
}

func (t *timers) clear(key string) { delete(t.of, key) }

// pass lets time pass, and returns the names of what has expired, at most room.
func (t *timers) pass(millis int64, known uint64, room int) (gone []string) {
	t.clock += millis
	if len(t.of) == 0 || t.clock < t.nearest && !t.waiting {
		return nil
	}
	for key, one := range t.of {
		if one.deadline != 0 && one.deadline <= t.clock {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, func(a, b string) int {
		x, y := t.of[a], t.of[b]
		return cmp.Or(cmp.Compare(x.deadline, y.deadline), cmp.Compare(x.set, y.set), cmp.Compare(a, b))
	})
	gone = gone[:min(len(gone), room)]
	for _, key := range gone {
		delete(t.of, key)
	}
	t.nearest, t.waiting = math.MaxInt64, false
	for key, one := range t.of {
		if one.deadline == 0 && one.set <= known {
			one.deadline = t.clock + one.ttl + 1
			t.of[key] = one
		}
		if one.deadline == 0 {
			t.waiting = true
		} else {
			t.nearest = min(t.nearest, one.deadline)
		}
	}
	return gone
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
	for _, key := range t.pass(millis, e.Expect, most-len(gone)) {
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
