package isis

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// Probe asks every other member of the view whether it is in the view and not
// wedged. Numbers rise from probe to probe, over all views of the node; what they
// stand for, the moment of the question, is the owner's to know.
func (n *Node) Probe(number uint64) {
	if n.phase != Normal {
		return
	}
	n.probed = number
	n.broadcast(Message{Kind: KindProbe, View: n.view.ID, Seq: number})
}

// Vouched is the highest number of a probe in this view that every other member
// has answered, 0 while there is none. A member answers only while it is in the
// view and not wedged, and no view can follow without a survivor that was wedged
// before. So when a probe has been answered by all, this node was in the newest
// view when it asked. A lone member answers for itself, unless it is wedged.
func (n *Node) Vouched() uint64 {
	if n.phase != Normal {
		return 0
	}
	least := n.probed
	for rank, number := range n.vouched {
		if rank != n.self {
			least = min(least, number)
		}
	}
	return least
}

// answerProbe answers a member that asks, which a wedged member does not.
func (n *Node) answerProbe(from MemberID, m *Message) error {
	n.send(from, Message{Kind: KindVouch, View: n.view.ID, Seq: m.Seq})
	return nil
}

// takeVouch takes the answer to a probe. Links are FIFO, so the numbers rise.
func (n *Node) takeVouch(rank int, from MemberID, m *Message) error {
	if m.Seq > n.probed || m.Seq <= n.vouched[rank] {
		return n.violation(from, m, fmt.Sprintf("not asked, or out of sequence after %d", n.vouched[rank]))
	}
	n.vouched[rank] = m.Seq
	return nil
}

// vouchesWhileWedged is a mistake that tests switch on: a wedged member answers
// a probe of the view that is being flushed.
func (n *Node) vouchesWhileWedged(m *Message) bool {
	return planted.On(planted.WedgedVouches) && n.phase == Wedged && m.Kind == KindProbe && m.View == n.view.ID
}
