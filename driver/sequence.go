package driver

import "sync"

// sequence numbers the writes of a session, from 1, and knows the floor: the
// lowest number whose outcome somebody still waits for. The group keeps the
// results of a session from its floor up, and never executes a write below it.
type sequence struct {
	mu    sync.Mutex // guards all below
	next  uint64     // the next number, less 1
	ended uint64     // all numbers up to this one are ended
	open  []bool     // a ring, by number: somebody waits for it; as long as a power of two
}

// begin returns the next number.
func (s *sequence) begin() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
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
func (s *sequence) grow() {
	ring := make([]bool, max(64, 2*len(s.open)))
	for n := s.ended + 1; n <= s.next; n++ {
		ring[n&uint64(len(ring)-1)] = s.open[n&uint64(len(s.open)-1)]
	}
	s.open = ring
}

// end notes that nobody waits for the number any more.
func (s *sequence) end(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[n&uint64(len(s.open)-1)] = false
	for s.ended < s.next && !s.open[(s.ended+1)&uint64(len(s.open)-1)] {
		s.ended++
	}
}

// floor is the lowest number that somebody waits for, or the next one.
func (s *sequence) floor() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended + 1
}

// waited reports whether anybody waits for a number.
func (s *sequence) waited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended < s.next
}
