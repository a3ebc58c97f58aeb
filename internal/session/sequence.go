package session

// Sequence numbers the writes of a session, from 1, and knows the floor: the
// lowest number whose outcome somebody still waits for. The group keeps the
// results of a session from its floor up, and never executes a write below it.
// The zero value is ready for use.
type Sequence struct {
	next  uint64 // the next number, less 1
	ended uint64 // all numbers up to this one are ended
	open  []bool // a ring, by number: somebody waits for it; as long as a power of two
}

// Begin returns the next number.
func (s *Sequence) Begin() uint64 {
	if s.next-s.ended == uint64(len(s.open)) {
		s.grow()
	}
	s.next++
	s.open[s.next&uint64(len(s.open)-1)] = true
	return s.next
}

// grow doubles the ring. It is as long as the distance between the oldest write
// that is waited for and the newest, which the group bounds: it refuses writes
// too far above the floor, and their callers wait.
func (s *Sequence) grow() {
	ring := make([]bool, max(64, 2*len(s.open)))
	for n := s.ended + 1; n <= s.next; n++ {
		ring[n&uint64(len(ring)-1)] = s.open[n&uint64(len(s.open)-1)]
	}
	s.open = ring
}

// End notes that nobody waits for the number any more. The number must have been
// begun, and not been ended.
func (s *Sequence) End(n uint64) {
	s.open[n&uint64(len(s.open)-1)] = false
	for s.ended < s.next && !s.open[(s.ended+1)&uint64(len(s.open)-1)] {
		s.ended++
	}
}

// Floor is the lowest number that somebody waits for, or the next one.
func (s *Sequence) Floor() uint64 { return s.ended + 1 }

// Waited reports whether anybody waits for a number.
func (s *Sequence) Waited() bool { return s.ended < s.next }
