package session

import "github.com/seed-8247e700/dsm/internal/ring"

// Sequence numbers the writes of a session, from 1, and knows the floor: the
// lowest number whose outcome somebody still waits for. The group keeps the
// results of a session from its floor up, and never executes a write below it.
// The zero value is ready for use.
type Sequence struct {
	// open has for each number, less 1, whether somebody waits for it, from the oldest that
	// is waited for. The group bounds how many there are: it refuses writes too far above
	// the floor, and their callers wait.
	open ring.Ring[bool]
}

// Begin returns the next number.
func (s *Sequence) Begin() uint64 { return s.open.Push(true) + 1 }

// End notes that nobody waits for the number any more. The number must have been
// begun, and not been ended.
func (s *Sequence) End(n uint64) {
	*s.open.At(n - 1) = false
	for s.open.Len() > 0 && !*s.open.Front() {
		s.open.Pop()
	}
}

// Floor is the lowest number that somebody waits for, or the next one.
func (s *Sequence) Floor() uint64 { return s.open.First() + 1 }

// Waited reports whether anybody waits for a number.
func (s *Sequence) Waited() bool { return s.open.Len() > 0 }
