package isis

// stability knows, for each member and sender, up to which sequence number the
// member is known to hold every FINAL, and whom this member still has to tell.
type stability struct {
	self   int
	held   [][]uint64 // [member][sender]
	stable []uint64   // [sender]: least of held over the members
	untold []bool     // [member]: held[self] grew since it was told
	urgent []bool     // [member]: it has a message held back, which may wait for the news
	relays bool       // news goes by way of a message's sender

	// With relays, [member]: up to where it was told that its own FINALs are held
	// here, and that this member's are held by all.
	toldHeld, toldStable []uint64
}

func newStability(self, n int, relays bool) stability {
	s := stability{
		self:   self,
		held:   make([][]uint64, n),
		stable: make([]uint64, n),
		untold: make([]bool, n),
		urgent: make([]bool, n),
		relays: relays,
	}
	if relays {
		s.toldHeld, s.toldStable = make([]uint64, n), make([]uint64, n)
	}
	cells := make([]uint64, n*n)
	for i := range s.held {
		s.held[i], cells = cells[:n:n], cells[n:]
	}
	return s
}

// sent notes that this member has made the FINAL of its own message seq.
func (s *stability) sent(seq uint64) {
	s.held[s.self][s.self] = seq
	s.update(s.self)
}

// received notes the FINAL seq of another sender, which therefore holds it too.
func (s *stability) received(from int, seq uint64) {
	s.held[s.self][from] = seq
	s.held[from][from] = seq
	for m := range s.untold {
		s.untold[m] = m != s.self && (!s.relays || m == from || s.untold[m])
	}
	s.update(from)
}

// acknowledged takes a member's counters. It returns false, and takes nothing,
// when one goes back or confirms more of this member's FINALs than there are,
// which no FIFO link can bring about.
func (s *stability) acknowledged(member int, acks []uint64) bool {
	for sender, seq := range acks {
		if seq < s.held[member][sender] {
			return false
		}
	}
	if acks[s.self] > s.held[s.self][s.self] {
		return false
	}
	for sender, seq := range acks {
		if seq > s.held[member][sender] {
			s.held[member][sender] = seq
			s.update(sender)
		}
	}
	return true
}

func (s *stability) update(sender int) {
	least := s.held[0][sender]
	for m := 1; m < len(s.held); m++ {
		least = min(least, s.held[m][sender])
	}
	s.stable[sender] = least
}

func (s *stability) isStable(e *entry) bool { return e.seq <= s.stable[e.sender] }

func (s *stability) told(member int) {
	s.untold[member] = false
	s.urgent[member] = false
}
