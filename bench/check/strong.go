package check

import (
	"slices"

	"github.com/seed-8247e700/dsm/internal/history"
)

// maxAcknowledged bounds the acknowledgements kept. A strong read that began
// before all of them cannot be checked.
const maxAcknowledged = 1 << 22

// StrongReads checks that a strong read reflects every write that was
// acknowledged, and every strong read that was answered, before it began,
// whichever session they were of.
type StrongReads struct {
	tally
	acks    []moment // the highest position up to each end, rising
	dropped moment   // the newest that is not in acks any more
}

// NewStrongReads returns the check.
func NewStrongReads() *StrongReads { return &StrongReads{} }

// Complete takes an operation. They come in the order in which they ended.
func (s *StrongReads) Complete(o *history.Op) {
	if o.Kind == history.Get {
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
	if n := len(s.acks); n > 0 && s.acks[n-1].seen >= o.Position || o.Position <= s.dropped.seen {
		return
	}
	if len(s.acks) == maxAcknowledged {
		s.drop(maxAcknowledged / 2)
	}
	s.acks = append(s.acks, moment{end: o.End, seen: o.Position})
}

func (s *StrongReads) check(o *history.Op) {
	s.events++
	floor := s.dropped
	if i := s.before(o.Start); i > 0 {
		floor = s.acks[i-1]
	} else if s.dropped.seen > 0 && s.dropped.end >= o.Start {
		s.miss("%s began before the oldest acknowledgement that is kept", opText(o))
		return
	}
	if o.Position < floor.seen {
		s.violate("%s misses position %d, which was acknowledged %d ns before it began",
			opText(o), floor.seen, o.Start-floor.end)
	}
}

// Advance tells that every operation to come began at or after start.
func (s *StrongReads) Advance(start int64) {
	// The newest of those before start still says what had to be seen.
	if n := s.before(start) - 1; n > len(s.acks)/2 {
		s.drop(n)
	}
}

// before returns how many of the acknowledgements kept are before start.
func (s *StrongReads) before(start int64) int {
	n, _ := slices.BinarySearchFunc(s.acks, start, func(m moment, start int64) int {
		if m.end < start {
			return -1
		}
		return 1
	})
	return n
}

func (s *StrongReads) drop(n int) {
	s.dropped = s.acks[n-1]
	s.acks = slices.Delete(s.acks, 0, n)
}

// Finish returns what was found.
func (s *StrongReads) Finish() Result {
	return s.result("strong reads",
		"at or after every write acknowledged, and strong read answered, before they began",
		"positions whole; from the oldest operation in flight on")
}
