package isis

// sender is what a member knows of one sender's messages in the view. A
// sender's priorities rise with its sequence numbers, so its messages arrive,
// become final and are delivered in sequence: a FIFO holds those in between.
type sender struct {
	fifo    []*entry // proposed and not delivered, by seq; live from at on
	at      int
	latest  uint64 // seq of the last PROPOSE
	final   uint64 // seq up to which every FINAL is held here
	highest uint64 // priority of the last FINAL
}

func (s *sender) push(e *entry) {
	if s.at > 0 && len(s.fifo) == cap(s.fifo) {
		live := copy(s.fifo, s.fifo[s.at:])
		clear(s.fifo[live:])
		s.fifo = s.fifo[:live]
		s.at = 0
	}
	s.fifo = append(s.fifo, e)
	s.latest = e.seq
}

// find returns the undelivered entry with that sequence number, or nil.
func (s *sender) find(seq uint64) *entry {
	live := s.fifo[s.at:]
	if len(live) == 0 || seq < live[0].seq || seq > s.latest {
		return nil
	}
	return live[seq-live[0].seq]
}

// pop forgets e, which has been delivered and must be the oldest.
func (s *sender) pop(e *entry) bool {
	if s.at == len(s.fifo) || s.fifo[s.at] != e {
		return false
	}
	s.fifo[s.at] = nil
	s.at++
	if s.at == len(s.fifo) {
		s.fifo, s.at = s.fifo[:0], 0
	}
	return true
}

func (s *sender) undelivered() []*entry { return s.fifo[s.at:] }
