package check

import (
	"sort"

	"github.com/seed-8247e700/dsm/internal/history"
)

// keepEnded is how many of the ended operations of a session are kept, and up to
// twice as many. An operation that began before all of them cannot be checked; a
// client needs as many as it has under way.
const keepEnded = 1 << 13

// SessionOrder checks that a session never goes back: an operation reflects at
// least the position of each that ended before it began, and a write has its
// place after all of them, and after all of the session with lower numbers: each
// session is one client's, who issues one write after the other, whether or not he
// waits for them.
type SessionOrder struct {
	tally
	sessions map[uint64]*trail
}

// trail is what a session has seen: the operations that ended, each with the
// highest position up to then.
type trail struct {
	ended   []moment
	dropped moment // the newest that is not in ended any more

	seq     uint64 // of the write with the highest number
	written uint64 // its position
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
	if !o.Kind.IsRead() && o.Seq != 0 {
		s.inSequence(t, o)
	}
	t.add(o.End, o.Position)
}

// inSequence holds the place of a write against that of the one with the highest
// number before.
func (s *SessionOrder) inSequence(t *trail, o *history.Op) {
	if (o.Seq > t.seq) != (o.Position > t.written) {
		s.violate("%s with number %d is on the wrong side of number %d at position %d", opText(o), o.Seq, t.seq, t.written)
	}
	if o.Seq > t.seq {
		t.seq, t.written = o.Seq, o.Position
	}
}

// before returns the highest position of the operations that ended before
// start.
func (t *trail) before(start int64) (seen uint64, ok bool) {
	n := sort.Search(len(t.ended), func(i int) bool { return t.ended[i].end >= start })
	if n > 0 {
		return t.ended[n-1].seen, true
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
	if len(t.ended) == 2*keepEnded {
		t.dropped = t.ended[keepEnded-1]
		t.ended = append(t.ended[:0], t.ended[keepEnded:]...)
	}
	t.ended = append(t.ended, moment{end: end, seen: position})
}

// Finish returns what was found.
func (s *SessionOrder) Finish() Result {
	return s.result("session order",
		"positions never go back in a session, a write comes after all it had seen and all issued before it",
		"positions whole; the last 8,192 operations of each session")
}
