package isis

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// flush is what a node knows of the attempt it is wedged for.
type flush struct {
	attempt Attempt
	state   *FlushState // own, unchanged from the first WEDGE to the commit
	cut     *Cut        // received, complete with payloads
	acked   bool        // the cut is stored and acknowledged

	// The leader's part.
	states  []*FlushState // by rank in the base view; nil: not here yet, or no survivor
	missing int           // states still to come
	acks    map[MemberID]bool
}

// Wedge begins an attempt, as told by the registry. A member takes it only if
// the attempt's base view is the view it is in and its id is above that of any
// attempt it is wedged for; then it sends, accepts and delivers nothing more in
// the view until a view commits. A joiner takes it as the notice that a cut
// will come. It tells whether the attempt was taken.
func (n *Node) Wedge(a Attempt) bool {
	if n.phase == Excluded || a.View.Rank(n.cfg.Self) < 0 {
		return false
	}
	if !planted.On(planted.WedgeWithoutBase) {
		n.provesCommit(a.View.Prev) // only a committed view is the base of an attempt
	}
	if a.View.ID <= n.Attempt() || a.View.ID <= n.view.ID || a.View.ID <= n.passed {
		return false
	}
	if n.phase == Observing {
		if a.Leader == n.cfg.Self {
			return false // no joiner leads: this is a member of the base view, and has not heard so
		}
		n.flush = flush{attempt: a}
		n.replayFlush()
		return true
	}
	if a.View.Prev != n.view.ID && !planted.On(planted.WedgeWithoutBase) {
		return false
	}
	state := n.flush.state
	if state == nil {
		state = n.flushState()
	}
	n.phase = Wedged
	next := flush{attempt: a, state: state}
	if planted.On(planted.CutReused) {
		next.cut = n.flush.cut
	}
	n.flush = next
	if a.Leader == n.cfg.Self {
		n.lead()
	} else {
		n.send(a.Leader, Message{Kind: KindFlushState, View: a.View.ID, State: state})
	}
	n.replayFlush()
	return true
}

// flushMoves tells whether a wedged member goes on taking part in the view.
func (n *Node) flushMoves() bool {
	return planted.On(planted.FlushStateMoves) && n.phase == Wedged
}

// flushState lists what this member knows beyond what all are known to hold.
func (n *Node) flushState() *FlushState {
	s := &FlushState{Position: n.position, Clock: n.clock}
	if len(n.unstable) > 0 {
		s.Position = n.unstable[0].first - 1
	}
	add := func(e *entry) {
		s.Entries = append(s.Entries, Entry{
			Sender: e.sender, Seq: e.seq, Priority: e.priority, Final: e.final,
			Count: e.count, Payload: e.payload,
		})
	}
	for _, e := range n.unstable {
		add(e)
	}
	for i := range n.senders {
		for _, e := range n.senders[i].undelivered() {
			add(e)
		}
	}
	return s
}

// lead makes this member the attempt's leader, with its own state at hand.
func (n *Node) lead() {
	n.flush.states = make([]*FlushState, len(n.view.Members))
	n.flush.acks = make(map[MemberID]bool, len(n.flush.attempt.View.Members))
	for _, m := range n.view.Members {
		if n.flush.attempt.View.Rank(m) >= 0 {
			n.flush.missing++
		}
	}
	if err := n.collect(n.self, n.flush.state); err != nil {
		panic(err) // a lone survivor's own state contradicts itself
	}
}

// stepFlush takes a message of a flush. Those of attempts that are over are
// dropped, those of attempts not known here yet are kept.
func (n *Node) stepFlush(from MemberID, m *Message) error {
	if m.View > n.Attempt() && m.View > n.view.ID && m.View > n.passed {
		return n.keep(from, m)
	}
	if m.View != n.Attempt() || n.phase == Excluded {
		return nil
	}
	switch m.Kind {
	case KindFlushState:
		rank := n.view.Rank(from)
		if rank < 0 || n.flush.states == nil || n.flush.attempt.View.Rank(from) < 0 || m.State == nil {
			return n.violation(from, m, "no survivor's, or not to the leader")
		}
		return n.collect(rank, m.State)
	case KindCut:
		if from != n.flush.attempt.Leader || m.Cut == nil {
			return n.violation(from, m, "not from the leader")
		}
		return n.takeCut(from, m)
	default:
		if n.flush.acks == nil || n.flush.cut == nil || n.flush.attempt.View.Rank(from) < 0 {
			return n.violation(from, m, "not to the leader, or before there is a cut")
		}
		n.flush.acks[from] = true
		return nil
	}
}

// collect takes a survivor's flush state. With the last one the leader computes
// the cut and sends it to all members of the attempt.
func (n *Node) collect(rank int, s *FlushState) error {
	f := &n.flush
	if f.states[rank] != nil {
		return nil
	}
	f.states[rank] = s
	if f.missing > 1 {
		f.missing--
		return nil
	}
	var states []*FlushState
	for _, s := range f.states {
		if s != nil {
			states = append(states, s)
		}
	}
	cut, err := computeCut(states, n.view.Members)
	if err == nil && !cut.joins(n.position) {
		err = fmt.Errorf("%w: the leader's position %d is not between two messages of the cut from %d", ErrProtocol, n.position, cut.Base)
	}
	if err != nil {
		f.states[rank] = nil
		return err
	}
	f.missing = 0
	for _, m := range f.attempt.View.Members {
		if m == n.cfg.Self {
			continue
		}
		theirs := cut
		if r := n.view.Rank(m); r >= 0 {
			theirs = cut.without(f.states[r])
		}
		n.send(m, Message{Kind: KindCut, View: f.attempt.View.ID, Cut: theirs})
	}
	f.cut = cut
	n.storeCut()
	return nil
}

// takeCut completes a received cut with the payloads held here, and stores it.
func (n *Node) takeCut(from MemberID, m *Message) error {
	if n.flush.cut != nil {
		if planted.On(planted.CutReused) {
			n.storeCut()
		}
		return nil
	}
	cut := &Cut{Base: m.Cut.Base, Clock: m.Cut.Clock, Members: m.Cut.Members, Entries: slices.Clone(m.Cut.Entries)}
	held := map[messageKey][]byte{}
	if n.flush.state != nil {
		for _, e := range n.flush.state.Entries {
			held[messageKey{e.Sender, e.Seq}] = e.Payload
		}
	}
	position := cut.Base
	for i := range cut.Entries {
		e := &cut.Entries[i]
		if int(e.Sender) >= len(cut.Members) || e.Count == 0 {
			return n.violation(from, m, "has an entry of no member, or an empty one")
		}
		if e.Held && position >= n.position {
			payload, ok := held[messageKey{e.Sender, e.Seq}]
			if !ok {
				return n.violation(from, m, fmt.Sprintf("leaves out message %d of rank %d, which is not held here", e.Seq, e.Sender))
			}
			e.Payload = payload
		}
		position += uint64(e.Count)
	}
	if n.phase == Wedged && !cut.joins(n.position) {
		return n.violation(from, m, fmt.Sprintf("position %d is not between two messages of the cut from %d", n.position, cut.Base))
	}
	n.flush.cut = cut
	n.storeCut()
	return nil
}

// storeCut acknowledges the cut once everything up to it is here. A survivor
// always holds what precedes it; a joiner may have to hear more from its donor,
// and never comes to where the cut joins its state if the attempt is over.
func (n *Node) storeCut() {
	f := &n.flush
	if f.cut == nil || f.acked {
		return
	}
	if !f.cut.joins(n.position) && !planted.On(planted.JoinerAcksBlind) {
		return
	}
	if n.phase == Observing && n.agreed && f.attempt.View.Rank(n.donor) < 0 {
		return // what it followed may not be what the survivors agreed on
	}
	f.acked = true
	if f.attempt.Leader == n.cfg.Self {
		n.flush.acks[n.cfg.Self] = true
	} else {
		n.send(f.attempt.Leader, Message{Kind: KindCutAck, View: f.attempt.View.ID})
	}
}

// Installed returns the attempt that this node led and that every member has
// acknowledged, or 0. The owner repeats it to the registry until a view commits.
func (n *Node) Installed() uint64 {
	if n.flush.acks == nil || len(n.flush.acks) < len(n.flush.attempt.View.Members) {
		return 0
	}
	return n.flush.attempt.View.ID
}
