package check

import "github.com/seed-8247e700/dsm/internal/history"

// keepEnded bounds the ended operations kept of a session. An operation that
// began before all of them cannot be checked; a client that asks for one thing
// at a time needs one.
const keepEnded = 64

// SessionOrder checks that a session never goes back: an operation reflects at
// least the position of each that ended before it began, and a write has its
// place after all of them.
type SessionOrder struct {
	tally
	sessions map[uint64]*trail
}

// trail is what a session has seen: the operations that ended, each with the
// highest position up to then.
type trail struct {
	ended   []moment
	dropped moment // the newest that is not in ended any more
}

// NewSessionOrder returns the check.
func NewSessionOrder() *SessionOrder {
	return &SessionOrder{sessions: make(map[uint64]*trail)}
}

// Complete takes an operation. They come in the order in which they ended.
func (s *SessionOrder) Complete(o *history.Op) {
	if o.Position == 0 {
		if o.Answered() {
			s.events++
			s.violate("%s was answered without a position", opText(o))
		}
		return // nothing was told
	}
	s.events++
	t := s.sessions[o.Session]
	if t == nil {
		t = &trail{}
		s.sessions[o.Session] = t
	}
	seen, ok := t.before(o.Start)
	switch {
	case !ok:
		s.miss("%s began before the last %d of its session that ended", opText(o), keepEnded)
	case o.Position < seen:
		s.violate("%s went back: its session had seen position %d", opText(o), seen)
	case !o.Kind.IsRead() && o.Position == seen:
		s.violate("%s has no place of its own: its session had seen position %d", opText(o), seen)
	}
	t.add(o.End, o.Position)
}

// before returns the highest position of the operations that ended before
// start.
func (t *trail) before(start int64) (seen uint64, ok bool) {
	for i := len(t.ended) - 1; i >= 0; i-- {
		if t.ended[i].end < start {
			return t.ended[i].seen, true
		}
	}
	if t.dropped.seen == 0 {
		return 0, true
	}
	return t.dropped.seen, t.dropped.end < start
}

func (t *trail) add(end int64, position uint64) {
	if n := len(t.ended); n > 0 {
		position = max(position, t.ended[n-1].seen)
	}
	if len(t.ended) == keepEnded {
		t.dropped = t.ended[0]
		copy(t.ended, t.ended[1:])
		t.ended = t.ended[:keepEnded-1]
	}
	t.ended = append(t.ended, moment{end: end, seen: position})
}

// Finish returns what was found.
func (s *SessionOrder) Finish() Result {
	return s.result("session order",
		"positions never go back in a session, a write comes after all it had seen",
		"positions whole; the last 64 operations of each session")
}
