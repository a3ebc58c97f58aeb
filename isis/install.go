package isis

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// kept is a message of a view or an attempt that is not known here yet.
type kept struct {
	from MemberID
	msg  Message
}

// keep keeps a message for later.
func (n *Node) keep(from MemberID, m *Message) error {
	if planted.On(planted.FutureDropped) {
		return nil
	}
	if len(n.future) >= n.cfg.MaxFuture {
		return n.violation(from, m, "too many messages of a view that has not begun here")
	}
	k := kept{from: from, msg: *m}
	k.msg.Acks = append([]uint64(nil), m.Acks...)
	n.future = append(n.future, k)
	return nil
}

// replayFlush takes the messages kept for the attempt that has just begun.
func (n *Node) replayFlush() { n.replay(n.Attempt()) }

// replay takes the messages kept for a view or an attempt that has just begun,
// and drops those of what is over. A node in no view may yet turn out to be a
// member of the attempt's base.
func (n *Node) replay(view uint64) {
	future := n.future
	n.future = nil
	for i := range future {
		k := &future[i]
		switch {
		case k.msg.View > view || n.phase == Observing && k.msg.View == n.flush.attempt.View.Prev:
			n.future = append(n.future, *k)
		case k.msg.View == view:
			if err := n.Step(k.from, &k.msg); err != nil {
				n.out.Rejected = append(n.out.Rejected, err)
			}
		}
	}
}

// Commit takes the registry's word that v is committed. It must be called for
// each view after the node's own, in order. The first view of a generation is
// entered from nothing; later ones by delivering the cut. A view without this
// member excludes it.
func (n *Node) Commit(v View) error {
	if n.phase == Excluded || v.ID <= n.view.ID {
		return nil
	}
	if v.Rank(n.cfg.Self) < 0 {
		if n.view.ID != 0 {
			n.phase = Excluded
			n.future = nil
		} else {
			n.passOver(v.ID)
		}
		return nil
	}
	if n.Begins(&v) {
		n.enter(v)
		return nil
	}
	if a := &n.flush.attempt.View; a.ID == v.ID && (a.Prev != v.Prev || !slices.Equal(a.Members, v.Members)) {
		return fmt.Errorf("%w: view %d was committed with other members than it was flushed for", ErrMissedView, v.ID)
	}
	if !n.provesCommit(v.ID) {
		return fmt.Errorf("%w: view %d after %d", ErrMissedView, v.ID, n.view.ID)
	}
	return nil
}

// Begins reports whether v is the first view of a generation, and this node is to
// enter it, at Base.
func (n *Node) Begins(v *View) bool {
	return v.Prev == 0 && n.phase == Observing && n.position == n.cfg.Base && v.Rank(n.cfg.Self) >= 0
}

// passOver notes that a view is committed which a node that observes is not in.
// No attempt before it can commit any more, so whatever this node acknowledged of
// one is void, and the node may load another state.
func (n *Node) passOver(view uint64) {
	n.passed = max(n.passed, view)
	if n.Attempt() <= n.passed {
		n.flush, n.payloads = flush{}, nil
	}
}

// speaksIn takes a message of a view as the proof that it is committed, since
// its members speak in it only after its commit. It tells whether this member is
// in that view now.
func (n *Node) speaksIn(from MemberID, m *Message) (bool, error) {
	if n.flush.acked && m.View == n.Attempt() && n.flush.attempt.View.Rank(from) < 0 {
		return false, n.violation(from, m, "no member of the view")
	}
	return n.provesCommit(m.View), nil
}

// provesCommit enters the attempt's view if id is that of the attempt whose cut
// is acknowledged here, id being known to be a committed view's. It tells
// whether the node is in view id now.
func (n *Node) provesCommit(id uint64) bool {
	if !n.flush.acked || id != n.Attempt() {
		return id != 0 && id == n.view.ID
	}
	n.deliverCut()
	n.clock = max(n.clock, n.flush.cut.Clock)
	n.enter(n.flush.attempt.View)
	return true
}

// deliverCut delivers what this member has not delivered of the cut. These are
// the old view's last messages.
func (n *Node) deliverCut() {
	cut := n.flush.cut
	base := n.flush.attempt.View.Prev
	position := cut.Base
	for i := range cut.Entries {
		e := &cut.Entries[i]
		if position >= n.position {
			sender := cut.Members[e.Sender]
			d := Delivery{
				View: base, Sender: sender, Seq: e.Seq, First: n.position + 1,
				Count: e.Count, Payload: e.Payload, Own: sender == n.cfg.Self,
			}
			n.out.Deliveries = append(n.out.Deliveries, d)
			n.position += uint64(e.Count)
		}
		position += uint64(e.Count)
	}
}

// enter begins a view with empty queues.
func (n *Node) enter(v View) {
	size := len(v.Members)
	n.phase = Normal
	n.view = v
	n.flush, n.payloads = flush{}, nil
	n.self = v.Rank(n.cfg.Self)
	n.ties = orderOfIDs(v.Members)
	if planted.On(planted.TieDiffers) && n.self%2 == 1 {
		slices.Reverse(n.ties)
	}
	n.senders = make([]sender, size)
	n.stability = newStability(n.self, size, n.relays())
	n.answered = make([]uint64, size)
	n.proposed = make([]uint64, size)
	n.probed = 0
	n.vouched = make([]uint64, size)
	n.queue.clear()
	n.unstable = nil
	n.nextSeq = 1
	n.unfinished = 0
	n.out.Entered = append(n.out.Entered, v)
	n.broadcast(Message{Kind: KindCommit, View: v.ID})
	n.replay(v.ID)
}
