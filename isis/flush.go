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
	cut     *Cut        // computed or received
	acked   bool        // the cut is stored and acknowledged, complete with payloads

	// What the cut lacks here: see fetch.go.
	lacking   map[messageKey]*lack
	from      uint64               // the position behind which entries are fetched
	suppliers map[uint64]*supplier // by incarnation

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
		if n.flush.attempt.View.Prev != a.View.Prev {
			n.payloads = nil
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
	if n.flush.state == nil || planted.On(planted.PayloadsForgotten) {
		n.payloads = nil
		for i := range state.Entries {
			n.payloads.hold(&state.Entries[i])
		}
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
		n.sendState()
	}
	n.replayFlush()
	return true
}

// sendState sends the leader the flush state, and tells all other members of the
// attempt that no more of the base view comes from here. The state tells the leader
// so, and its cut them.
func (n *Node) sendState() {
	a := &n.flush.attempt
	state := n.flush.state
	if !a.Full {
		state = state.lean()
		for _, m := range a.View.Members {
			if m != n.cfg.Self && m != a.Leader {
				n.send(m, Message{Kind: KindFlush, View: a.View.ID})
			}
		}
	}
	n.send(a.Leader, Message{Kind: KindFlushState, View: a.View.ID, State: state})
}

// lean returns the state without payloads.
func (s *FlushState) lean() *FlushState {
	lean := &FlushState{Position: s.Position, Clock: s.Clock, Entries: slices.Clone(s.Entries)}
	for i := range lean.Entries {
		lean.Entries[i].Held, lean.Entries[i].Payload = true, nil
	}
	return lean
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
// dropped, but for payloads; those of attempts not known here yet are kept.
func (n *Node) stepFlush(from MemberID, m *Message) error {
	if m.View > n.Attempt() && m.View > n.view.ID && m.View > n.passed {
		return n.keep(from, m)
	}
	a := &n.flush.attempt
	current := m.View == a.View.ID
	if n.phase == Excluded || !current && !n.moves(m) {
		return nil
	}
	if a.View.Rank(from) < 0 {
		if current {
			return n.violation(from, m, "no member of the attempt")
		}
		return nil // it was one of an earlier attempt
	}
	switch m.Kind {
	case KindFlushState:
		rank := n.view.Rank(from)
		if rank < 0 || n.flush.states == nil || m.State == nil {
			return n.violation(from, m, "no survivor's, or not to the leader")
		}
		return n.collect(rank, m.State)
	case KindCut, KindLeanCut:
		if from != a.Leader || m.Cut == nil || a.Full != (m.Kind == KindCut) {
			return n.violation(from, m, "not from the leader")
		}
		return n.takeCut(from, m)
	case KindFlush:
		n.endsHere(from)
		return nil
	case KindFetch:
		return n.supply(from, m)
	case KindSupply:
		return n.supplied(from, m)
	default:
		if n.flush.acks == nil || n.flush.cut == nil {
			return n.violation(from, m, "not to the leader, or before there is a cut")
		}
		n.flush.acks[from] = true
		return nil
	}
}

// moves tells whether m brings payloads, or asks for some, in an earlier attempt from
// the same base: they are wanted all the same.
func (n *Node) moves(m *Message) bool {
	a := &n.flush.attempt
	return (m.Kind == KindFetch || m.Kind == KindSupply) && m.View > a.View.Prev && m.View < a.View.ID
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
	cut.findHolders(f.states)
	lean := Message{Kind: KindLeanCut, View: f.attempt.View.ID, Cut: cut.lean()}
	for _, m := range f.attempt.View.Members {
		switch r := n.view.Rank(m); {
		case r == n.self:
		case !f.attempt.Full:
			n.send(m, lean)
		case r >= 0:
			n.send(m, Message{Kind: KindCut, View: f.attempt.View.ID, Cut: cut.without(f.states[r])})
		default:
			n.send(m, Message{Kind: KindCut, View: f.attempt.View.ID, Cut: cut})
		}
	}
	for r, s := range f.states {
		if s != nil {
			n.endsHere(n.view.Members[r])
		}
	}
	n.adopt(cut)
	return nil
}

// takeCut takes the leader's cut.
func (n *Node) takeCut(from MemberID, m *Message) error {
	if n.flush.cut != nil {
		if planted.On(planted.CutReused) {
			n.storeCut()
		}
		return nil
	}
	cut := *m.Cut
	cut.Entries = slices.Clone(cut.Entries)
	if err := n.checkCut(from, m); err != nil {
		return err
	}
	n.endsHere(from)
	n.adopt(&cut)
	return nil
}

// checkCut checks a cut against what is known here.
func (n *Node) checkCut(from MemberID, m *Message) error {
	cut, full := m.Cut, n.flush.attempt.Full
	if !full && len(cut.Positions) != len(cut.Members) {
		return n.violation(from, m, "has positions of another number of members")
	}
	position := cut.Base
	for i := range cut.Entries {
		e := &cut.Entries[i]
		if int(e.Sender) >= len(cut.Members) || e.Count == 0 {
			return n.violation(from, m, "has an entry of no member, or an empty one")
		}
		key := messageKey{e.Sender, e.Seq}
		if full && e.Held && position >= n.position && !n.payloads.whole(key) {
			return n.violation(from, m, fmt.Sprintf("leaves out message %d of rank %d, which is not held here", e.Seq, e.Sender))
		}
		if !full && (int(e.Holder) >= len(cut.Members) || n.flush.attempt.View.Rank(cut.Members[e.Holder]) < 0) && !planted.On(planted.PayloadOfNobody) {
			return n.violation(from, m, fmt.Sprintf("has message %d of rank %d from no survivor", e.Seq, e.Sender))
		}
		position += uint64(e.Count)
	}
	if n.phase == Wedged && !cut.joins(n.position) {
		return n.violation(from, m, fmt.Sprintf("position %d is not between two messages of the cut from %d", n.position, cut.Base))
	}
	return nil
}

// adopt makes cut the attempt's, and asks for what it lacks here.
func (n *Node) adopt(cut *Cut) {
	n.flush.cut = cut
	for i := range cut.Entries {
		if e := &cut.Entries[i]; !e.Held {
			n.payloads.hold(e)
		}
	}
	n.findLacking()
	n.storeCut()
}

// storeCut acknowledges the cut once everything up to it is here, and all its
// payloads. A survivor always holds what precedes it; a joiner may have to hear more
// from its donor, and never comes to where the cut joins its state if the attempt is
// over.
func (n *Node) storeCut() {
	f := &n.flush
	if f.cut == nil || f.acked || len(f.lacking) > 0 {
		return
	}
	if (n.position < f.from || !f.cut.joins(n.position)) && !planted.On(planted.JoinerAcksBlind) {
		return
	}
	if n.phase == Observing && n.agreed && f.attempt.View.Rank(n.donor) < 0 {
		return // what it followed may not be what the survivors agreed on
	}
	position := f.cut.Base
	for i := range f.cut.Entries {
		e := &f.cut.Entries[i]
		e.Payload = n.payloads.bytes(messageKey{e.Sender, e.Seq})
		if position >= n.position && uint64(e.Count) > uint64(len(e.Payload)) {
			return // a command takes a byte at least: somebody lies, and such a cut is never acknowledged
		}
		position += uint64(e.Count)
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
