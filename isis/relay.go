package isis

import "github.com/seed-8247e700/dsm/internal/planted"

// In a view of n members that acknowledge each FINAL to one another, a message costs
// 3(n-1) messages for its place in the order and up to (n-1)(n-1) acknowledgements. So
// in a view of more than Config.DirectAcks, who holds a FINAL tells its sender alone
// (HELD), and the sender, once it knows that all hold it, tells the others (STABLE):
// 5(n-1) in all. The sender of a message delivers no later than before. The others do
// by one delay, and so does a sender whose message comes behind theirs.
//
// What delivery waits for is the same: that every member is known to hold the FINAL.
// A STABLE says just that, since its sender counts a HELD of every member, which each
// has sent after it took the FINAL. So whatever a member delivers, all members of the
// view hold with its final priority and with all that comes before it, and all that
// survive bring it into the flush. Who told whom plays no part in that.

// relays tells whether acknowledgements go by way of a message's sender.
func (n *Node) relays() bool { return len(n.view.Members) > n.cfg.DirectAcks }

// held takes a member's word that it holds every own FINAL up to m.Seq.
func (n *Node) held(rank int, from MemberID, m *Message) error {
	s := &n.stability
	if m.Seq <= s.held[rank][n.self] || m.Seq > s.held[n.self][n.self] {
		return n.violation(from, m, "a counter did not rise, or is beyond what was sent")
	}
	before := s.stable[n.self]
	s.held[rank][n.self] = m.Seq
	s.update(n.self)
	if planted.On(planted.StableTooSoon) {
		s.stable[n.self] = m.Seq
	}
	if s.stable[n.self] == before {
		return nil
	}
	for r := range n.senders {
		if r == n.self {
			continue
		}
		s.untold[r] = true
		if len(n.senders[r].undelivered()) > 0 {
			s.urgent[r] = true
		}
	}
	return nil
}

// stable takes a sender's word that every member holds its FINALs up to m.Seq, this
// one included.
func (n *Node) stable(rank int, from MemberID, m *Message) error {
	s := &n.stability
	if m.Seq > s.held[n.self][rank] {
		return n.violation(from, m, "a counter is beyond what is held here")
	}
	for member := range s.held {
		s.held[member][rank] = max(s.held[member][rank], m.Seq)
	}
	s.update(rank)
	return nil
}

// tellSender tells a member what it does not know yet: which of its FINALs are held
// here, and which of this member's all hold.
func (n *Node) tellSender(rank int) {
	s := &n.stability
	s.told(rank)
	if seq := s.held[n.self][rank]; seq > s.toldHeld[rank] {
		s.toldHeld[rank] = seq
		n.send(n.view.Members[rank], Message{Kind: KindHeld, View: n.view.ID, Seq: seq})
	}
	if seq := s.stable[n.self]; seq > s.toldStable[rank] {
		s.toldStable[rank] = seq
		n.send(n.view.Members[rank], Message{Kind: KindStable, View: n.view.ID, Seq: seq})
	}
}
