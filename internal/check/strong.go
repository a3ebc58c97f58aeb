package check

import "github.com/seed-8247e700/dsm/internal/history"

// StrongReads checks that a strong read reflects every write that was
// acknowledged, and every strong read that was answered, before it began,
// whichever session they were of.
type StrongReads struct {
	tally
	acks acks
}

// NewStrongReads returns the check.
func NewStrongReads() *StrongReads { return &StrongReads{tally: tally{name: "strong reads"}} }

// Complete takes an operation. They come in the order in which they ended.
func (s *StrongReads) Complete(o *history.Op) {
	if o.Kind.IsPlainRead() {
		return
	}
	if o.Position == 0 {
		if o.Answered() {
			s.events++
			s.violate("%s was answered without a position", opText(o))
		}
		return
	}
	if o.Kind == history.GetStrong {
		s.check(o)
	}
	s.acks.add(o.End, o.Position)
}

func (s *StrongReads) check(o *history.Op) {
	s.events++
	switch floor, known := s.acks.before(o.Start); {
	case !known:
		s.miss("%s began before the oldest acknowledgement that is kept", opText(o))
	case o.Position < floor.seen:
		s.violate("%s misses position %d, which was acknowledged %d ns before it began",
			opText(o), floor.seen, o.Start-floor.end)
	}
}

// Advance tells that every operation to come began at or after start.
func (s *StrongReads) Advance(start int64) { s.acks.forget(start) }

// Finish returns what was found.
func (s *StrongReads) Finish() Result {
	return s.result("at or after every write acknowledged, and strong read answered, before they began",
		"positions whole; from the oldest operation in flight on")
}
