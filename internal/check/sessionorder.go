package check

import (
	"slices"
	"sort"

	"github.com/seed-8247e700/dsm/internal/history"
)

// keepEnded is how many of the ended operations of a session are kept, and up to
// twice as many. An operation that began before all of them cannot be checked; a
// client needs as many as it has under way.
const keepEnded = 1 << 13

// SessionOrder checks that a session never goes back: an operation reflects at
// least the position of each that ended before it began, and a write has its
// place after all of them. A client issues one write after the other, whether or not it
// waits for them: each has its place after all of the session with lower numbers, and
// what is read after them reflects them. A client keeps what it has seen when its session
// is replaced by another.
type SessionOrder struct {
	tally
	clients map[int]*trail
}

// trail is what a client has seen: the operations that ended, each with the
// highest position up to then.
type trail struct {
	ended   []moment
	dropped moment // the newest that is not in ended any more

	session uint64  // the newest
	written []place // of its writes
	read    []place // what its reads reflect, by the write that each was issued after
}

// place is the position of the write with a number in its session, or of what was read
// after that was issued.
type place struct{ seq, position uint64 }

// NewSessionOrder returns the check.
func NewSessionOrder() *SessionOrder {
	return &SessionOrder{tally: tally{name: "session order"}, clients: make(map[int]*trail)}
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
	t := s.clients[o.Client]
	if t == nil {
		t = &trail{}
		s.clients[o.Client] = t
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
	s.inSequence(t, o)
	t.add(o.End, o.Position)
}

// inSequence holds the place of a write against that of the one with the highest
// number before, and what was read against the writes that were issued before it,
// whichever of them ended first.
func (s *SessionOrder) inSequence(t *trail, o *history.Op) {
	if o.Session > t.session {
		t.session, t.written, t.read = o.Session, t.written[:0], t.read[:0]
	}
	switch {
	case o.Session != t.session || !o.Kind.IsRead() && (o.Seq == 0 || o.Loose):
	case o.Kind.IsRead():
		if i := after(t.written, o.After); i > 0 && o.Position < t.written[i-1].position {
			s.violate("%s misses number %d at position %d, which was issued before it", opText(o), t.written[i-1].seq, t.written[i-1].position)
		}
		t.read = keepPlace(t.read, place{o.After, o.Position})
	default:
		if i := after(t.read, o.Seq-1); i < len(t.read) && t.read[i].position < o.Position {
			s.violate("%s was missed at position %d by a read that began after it was issued", opText(o), t.read[i].position)
		}
		last := place{}
		if n := len(t.written); n > 0 {
			last = t.written[n-1]
		}
		if (o.Seq > last.seq) != (o.Position > last.position) {
			s.violate("%s is on the wrong side of number %d at position %d", opText(o), last.seq, last.position)
		}
		if o.Seq > last.seq {
			t.written = keepPlace(t.written, place{o.Seq, o.Position})
		}
	}
}

// after is how many of the places have a number of at most seq.
func after(places []place, seq uint64) int {
	return sort.Search(len(places), func(i int) bool { return places[i].seq > seq })
}

// keepPlace adds a place to some whose numbers and positions rise, and takes out those of
// lower numbers at higher positions.
func keepPlace(places []place, p place) []place {
	i := after(places, p.seq)
	same := i > 0 && places[i-1].seq == p.seq && places[i-1].position <= p.position
	if same || i < len(places) && places[i].position <= p.position {
		return places
	}
	from := i
	for from > 0 && places[from-1].position >= p.position {
		from--
	}
	places = slices.Replace(places, from, i, p)
	if len(places) > 2*keepEnded {
		places = slices.Delete(places, 0, keepEnded)
	}
	return places
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
	return s.result("positions never go back in a session, a write comes after all it had seen and all issued before it",
		"positions whole; the last 8,192 operations of each session")
}
