package isis

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// stepView takes a message of the order itself.
func (n *Node) stepView(from MemberID, m *Message) error {
	if m.View > n.view.ID {
		if planted.On(planted.FutureDropped) {
			return nil
		}
		if entered, err := n.speaksIn(from, m); err != nil {
			return err
		} else if !entered {
			return n.keep(from, m)
		}
	}
	if m.View < n.view.ID {
		return nil // of a view that is over
	}
	rank := n.view.Rank(from)
	if n.phase != Normal && !n.vouchesWhileWedged(m) && !n.flushMoves() {
		if n.phase == Wedged && m.Kind == KindPropose && rank >= 0 {
			n.setAside(rank, m)
		}
		return nil // of a view that is being flushed
	}
	if rank < 0 || rank == n.self {
		return n.violation(from, m, "no other member of the view")
	}
	switch m.Kind {
	case KindPropose:
		return n.propose(rank, from, m)
	case KindProposal:
		return n.proposal(rank, from, m)
	case KindFinal:
		return n.final(rank, from, m)
	case KindProbe:
		return n.answerProbe(from, m)
	case KindVouch:
		return n.takeVouch(rank, from, m)
	case KindHeld:
		return n.held(rank, from, m)
	case KindStable:
		return n.stable(rank, from, m)
	default:
		return n.ack(rank, from, m)
	}
}

// start sends what waits, as far as the window has room. It tells whether it
// has sent anything.
func (n *Node) start() bool {
	sent := false
	for n.hasRoom() {
		b := n.pending.take()
		if b.count == 0 {
			break
		}
		sent = true
		n.credit -= len(b.payload)
		n.clock++
		e := n.entry()
		*e = entry{
			sender: uint32(n.self), tie: n.ties[n.self], seq: n.nextSeq, priority: n.clock,
			count: b.count, payload: b.payload,
			missing: len(n.view.Members) - 1, highest: n.clock,
		}
		n.nextSeq++
		n.unfinished++
		n.senders[n.self].push(e)
		n.queue.push(e)
		n.broadcast(Message{
			Kind: KindPropose, View: n.view.ID, Seq: e.seq, Priority: e.priority,
			Count: b.count, Payload: b.payload,
		})
		if e.missing == 0 {
			n.decide(e)
		}
	}
	return sent
}

// hasRoom tells whether another own message may be sent.
func (n *Node) hasRoom() bool {
	own := n.senders[n.self].undelivered()
	if n.unfinished >= n.cfg.Window || len(own) >= n.cfg.MaxUndelivered || n.eased && len(own) > 0 || n.paced && n.credit <= 0 {
		return false
	}
	bytes := 0
	for _, e := range own {
		bytes += len(e.payload)
	}
	return bytes < n.cfg.MaxUndeliveredBytes
}

// propose answers a PROPOSE with this member's own proposal.
func (n *Node) propose(rank int, from MemberID, m *Message) error {
	s := &n.senders[rank]
	if m.Seq != s.latest+1 {
		return n.violation(from, m, fmt.Sprintf("out of sequence after %d", s.latest))
	}
	if m.Count == 0 || uint64(m.Count) > uint64(len(m.Payload)) {
		return n.violation(from, m, fmt.Sprintf("announces %d commands in %d bytes", m.Count, len(m.Payload)))
	}
	n.clock++
	e := n.entry()
	*e = entry{
		sender: uint32(rank), tie: n.ties[rank], seq: m.Seq, priority: n.clock,
		count: m.Count, payload: m.Payload,
	}
	s.push(e)
	n.queue.push(e)
	n.send(from, Message{Kind: KindProposal, View: n.view.ID, Seq: m.Seq, Priority: e.priority})
	return nil
}

// proposal counts a member's answer to an own message. Links are FIFO, so
// answers come in sequence.
func (n *Node) proposal(rank int, from MemberID, m *Message) error {
	e := n.senders[n.self].find(m.Seq)
	if e == nil || e.final || m.Seq != n.answered[rank]+1 || m.Priority <= n.proposed[rank] {
		return n.violation(from, m, fmt.Sprintf("out of sequence after %d, or not above the proposal before it", n.answered[rank]))
	}
	n.answered[rank], n.proposed[rank] = m.Seq, m.Priority
	e.highest = max(e.highest, m.Priority)
	e.missing--
	if e.missing == 0 {
		n.decide(e)
	}
	return nil
}

// decide makes the maximum of the proposals an own message's final priority.
func (n *Node) decide(e *entry) {
	n.unfinished--
	n.finalize(e, e.highest)
	n.stability.sent(e.seq)
	n.broadcast(Message{Kind: KindFinal, View: n.view.ID, Seq: e.seq, Priority: e.priority})
}

// final takes a FINAL, which is to be acknowledged at once to members that may
// wait for it: those with messages held back.
func (n *Node) final(rank int, from MemberID, m *Message) error {
	s := &n.senders[rank]
	e := s.find(m.Seq)
	if e == nil || m.Seq != s.final+1 || m.Priority < e.priority || m.Priority <= s.highest {
		return n.violation(from, m, fmt.Sprintf("out of sequence after %d, or below the own proposal or the final before it", s.final))
	}
	n.finalize(e, m.Priority)
	n.stability.received(rank, m.Seq)
	if n.relays() {
		n.stability.urgent[rank] = true
		return nil
	}
	for r := range n.senders {
		if len(n.senders[r].undelivered()) > 0 {
			n.stability.urgent[r] = true
		}
	}
	return nil
}

// finalize re-queues e under its final priority, and keeps the clock from
// falling behind it: what is proposed from now on comes later.
func (n *Node) finalize(e *entry, priority uint64) {
	e.priority = priority
	e.final = true
	n.senders[e.sender].final, n.senders[e.sender].highest = e.seq, priority
	if planted.On(planted.ClockBehind) {
		n.clock = priority
	}
	n.clock = max(n.clock, priority)
	n.queue.raise(e)
}

func (n *Node) ack(rank int, from MemberID, m *Message) error {
	if len(m.Acks) != len(n.view.Members) {
		return n.violation(from, m, "counters of another number of members")
	}
	if !n.stability.acknowledged(rank, m.Acks) {
		return n.violation(from, m, "a counter went back, or is beyond what was sent")
	}
	return nil
}

// deliver delivers from the head of the hold-back queue, as far as the head is
// final and, with safe delivery, known to be held by all.
func (n *Node) deliver() {
	for {
		e := n.queue.head()
		if e == nil || !e.final {
			break
		}
		if !n.cfg.Agreed && !n.safe(e) {
			break
		}
		n.queue.remove(e)
		if !n.senders[e.sender].pop(e) {
			panic(fmt.Sprintf("isis: message %d of rank %d would be delivered out of its sender's sequence", e.seq, e.sender))
		}
		n.emit(int(e.sender), e.seq, e.count, e.payload, &e.first)
		if n.cfg.Agreed {
			n.unstable = append(n.unstable, e)
		} else {
			n.recycle(e)
		}
	}
	stable := 0
	for stable < len(n.unstable) && n.stability.isStable(n.unstable[stable]) {
		n.recycle(n.unstable[stable])
		stable++
	}
	n.unstable = append(n.unstable[:0], n.unstable[stable:]...)
}

// safe tells whether every member is known to hold the FINAL of e.
func (n *Node) safe(e *entry) bool {
	if planted.On(planted.NoStability) || planted.On(planted.AckBeforeStable) && int(e.sender) == n.self {
		return true
	}
	return n.stability.isStable(e)
}

// emit gives a message the next positions of the total order.
func (n *Node) emit(rank int, seq uint64, count uint32, payload []byte, first *uint64) {
	*first = n.position + 1
	n.out.Deliveries = append(n.out.Deliveries, Delivery{
		View: n.view.ID, Sender: n.view.Members[rank], Seq: seq,
		First: *first, Count: count, Payload: payload, Own: rank == n.self,
	})
	n.position += uint64(count)
}

// acknowledge tells members which FINALs are held here: those that get a
// message anyway, and those that have messages held back. To the others the
// news is not urgent: it waits for company (see AcksWait).
func (n *Node) acknowledge() {
	before := len(n.out.Messages)
	for rank, member := range n.view.Members {
		if rank == n.self || !n.stability.untold[rank] {
			continue
		}
		if n.stability.urgent[rank] && !n.cfg.Agreed || n.writesTo(member, before) {
			n.tell(rank)
		}
	}
}

func (n *Node) writesTo(member MemberID, among int) bool {
	for i := range n.out.Messages[:among] {
		if n.out.Messages[i].To.Incarnation == member.Incarnation {
			return true
		}
	}
	return false
}

func (n *Node) tell(rank int) {
	if n.relays() {
		n.tellSender(rank)
		return
	}
	n.stability.told(rank)
	acks := n.stability.held[n.self]
	if planted.On(planted.AckAcrossGap) {
		acks = slices.Clone(acks)
		for sender := range acks {
			if sender != rank {
				acks[sender] = max(acks[sender], n.senders[sender].latest)
			}
		}
	}
	n.send(n.view.Members[rank], Message{Kind: KindAck, View: n.view.ID, Acks: acks})
}

// AcksWait tells that an acknowledgement waits for company. The owner calls
// SendAcks when it has waited long enough (a millisecond, say).
func (n *Node) AcksWait() bool {
	if n.phase != Normal {
		return false
	}
	for _, untold := range n.stability.untold {
		if untold {
			return true
		}
	}
	return false
}

// SendAcks sends the acknowledgements that wait for company.
func (n *Node) SendAcks() {
	if n.phase != Normal {
		return
	}
	for rank := range n.view.Members {
		if n.stability.untold[rank] {
			n.tell(rank)
		}
	}
}

func (n *Node) entry() *entry {
	if last := len(n.free) - 1; last >= 0 {
		e := n.free[last]
		n.free[last] = nil
		n.free = n.free[:last]
		return e
	}
	return new(entry)
}

func (n *Node) recycle(e *entry) {
	*e = entry{}
	if len(n.free) < 1024 {
		n.free = append(n.free, e)
	}
}
