package main

import (
	"maps"
	"slices"
)

// The bounds of a session's own TTL, in milliseconds.
const (
	shortest = 100
	longest  = 24 * 60 * 60 * 1000
)

// owners are the sessions that have a TTL of their own, and the owner of each variable that
// has one. A session that has ended may own variables yet.
type owners struct {
	alive map[uint64]lease
	ended map[uint64]bool
	of    map[string]uint64 // by variable
}

// lease says when a session ends by itself.
type lease struct {
	ttl  int64
	last uint64 // position of its last command
	end  int64  // of the clock; 0: its time has not begun
}

func (t *owners) free(key string) { delete(t.of, key) }

// take returns the variables that go with their owners, those of the oldest session first, and
// of each in the order of their names, but no more than may go at once.
func (t *owners) take() (gone []string) {
	for key, owner := range t.of {
		if t.ended[owner] {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, func(a, b string) int {
		if t.of[a] < t.of[b] || t.of[a] == t.of[b] && a < b {
			return -1
		}
		return 1
	})
	gone = gone[:min(len(gone), mostOwned)]
	for _, key := range gone {
		t.free(key)
	}
	return gone
}

// pass ends the sessions whose time is over by the clock, and returns the variables that go.
func (t *owners) pass(clock int64, known uint64) []string {
	for _, id := range slices.Collect(maps.Keys(t.alive)) {
		one := t.alive[id]
		switch {
		case one.end != 0 && one.end <= clock:
			t.finish(id)
		case one.end == 0 && one.last <= known:
			one.end = clock + one.ttl + 1
			t.alive[id] = one
		}
	}
	return t.take()
}

func (t *owners) finish(id uint64) {
	delete(t.alive, id)
	t.ended[id] = true
}

// followSession follows a line that opens a session with a TTL of its own, or is of one. It
// returns the variables that go with a session that closes.
func (v *verdict) followSession(e *delivered, t *owners) (gone []string) {
	if e.Op == "opentimed" || e.Op == "openlocked" {
		ttl, ok := number(e.Value)
		switch {
		case !e.OK, e.Op == "openlocked" && ok && ttl == 0:
		case !ok || ttl < shortest || ttl > longest:
			v.bad("sessions: %v opened one with an impossible TTL", e)
		default:
			if t.alive == nil {
				t.alive, t.ended, t.of = make(map[uint64]lease), make(map[uint64]bool), make(map[string]uint64)
			}
			t.alive[e.Pos] = lease{ttl: ttl, last: e.Pos}
		}
		return nil
	}
	if !e.writes() && e.Op != "renew" && e.Op != "close" {
		return nil
	}
	one, alive := t.alive[e.Session]
	switch {
	case e.OK && t.ended[e.Session]:
		v.bad("sessions: %v took effect, but the session had ended", e)
	case alive && !e.OK && !e.writes():
		v.bad("sessions: %v was refused, but the session had not ended", e)
	}
	if alive {
		one.last, one.end = e.Pos, 0
		t.alive[e.Session] = one
	}
	if e.Op != "close" || !e.OK {
		return nil
	}
	if alive {
		t.finish(e.Session)
	}
	return t.take()
}

// own does to the owner of its variable what a step of a transaction does, and returns what is
// wrong with that. Nothing is known of sessions from before the first line.
func (s *step) own(t *owners, session, first uint64) (problem string) {
	key := string(s.Key)
	switch _, alive := t.alive[session]; {
	case s.Ephemeral && alive:
		t.of[key] = session
	case s.Ephemeral && session >= first:
		return "has a session own a variable that has no TTL of its own"
	case s.Ephemeral || s.Op == "put" && !s.Keep, s.Op == "del":
		t.free(key)
	}
	return ""
}
