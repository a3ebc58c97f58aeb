package isis

import (
	"fmt"
	"slices"
	"strings"
)

// describe shows a message on its way from one node to another.
func (s *script) describe(m *Message, from, to *scripted) string {
	switch m.Kind {
	case KindPropose:
		return fmt.Sprintf("PROPOSE %s/%d priority %d %q", from.name, m.Seq, m.Priority, m.Payload)
	case KindProposal:
		return fmt.Sprintf("PROPOSAL %s/%d priority %d", to.name, m.Seq, m.Priority)
	case KindFinal:
		return fmt.Sprintf("FINAL %s/%d priority %d", from.name, m.Seq, m.Priority)
	case KindAck:
		return "ACK " + counters(m.Acks, from.node.view.Members)
	case KindFlushState:
		return fmt.Sprintf("FLUSH-STATE %d position %d clock %d%s", m.View, m.State.Position, m.State.Clock,
			describeEntries(m.State.Entries, from.node.view.Members))
	case KindCut:
		return fmt.Sprintf("CUT %d base %d clock %d%s", m.View, m.Cut.Base, m.Cut.Clock,
			describeEntries(m.Cut.Entries, m.Cut.Members))
	case KindProbe, KindVouch, KindHeld, KindStable:
		return fmt.Sprintf("%s %d", m.Kind, m.Seq)
	default:
		return fmt.Sprintf("%s %d", m.Kind, m.View)
	}
}

// counters shows a counter for each member.
func counters(acks []uint64, members []MemberID) string {
	var b strings.Builder
	for rank, seq := range acks {
		name := "?"
		if rank < len(members) {
			name = members[rank].ID
		}
		fmt.Fprintf(&b, " %s/%d", name, seq)
	}
	return strings.TrimSpace(b.String())
}

func describeEntries(entries []Entry, members []MemberID) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, ", %s/%d at %d", members[e.Sender].ID, e.Seq, e.Priority)
		if e.Final {
			b.WriteString(" final")
		}
		if e.Held {
			b.WriteString(" held")
		} else {
			fmt.Fprintf(&b, " %q", e.Payload)
		}
	}
	return b.String()
}

func memberNames(members []MemberID) string {
	names := make([]string, 0, len(members))
	for _, m := range members {
		names = append(names, m.ID)
	}
	return strings.Join(names, " ")
}

// state shows all that a node holds.
func (s *script) state(n *scripted) string {
	c := n.node
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in view %d, attempt %d, position %d, clock %d, log %q\n",
		n.name, c.Phase(), c.view.ID, c.Attempt(), c.Position(), c.clock, n.log)
	if c.pending.pending > 0 {
		fmt.Fprintf(&b, "   waiting: %d commands\n", c.pending.pending)
	}
	queue := slices.Clone(c.queue.heap)
	slices.SortFunc(queue, func(e, f *entry) int {
		if e.before(f) {
			return -1
		}
		return 1
	})
	for _, e := range queue {
		fmt.Fprintf(&b, "   %s/%d at %d %q", c.view.Members[e.sender].ID, e.seq, e.priority, e.payload)
		if e.final {
			b.WriteString(" final")
		}
		if c.stability.isStable(e) {
			b.WriteString(" stable")
		}
		if e.missing > 0 {
			fmt.Fprintf(&b, " lacks %d proposals, highest %d", e.missing, e.highest)
		}
		b.WriteByte('\n')
	}
	for _, e := range c.unstable {
		fmt.Fprintf(&b, "   delivered at %d and not known to be stable: %s/%d\n", e.first, c.view.Members[e.sender].ID, e.seq)
	}
	if c.phase == Normal && len(c.view.Members) > 1 {
		for rank, held := range c.stability.held {
			fmt.Fprintf(&b, "   held by %s: %s\n", c.view.Members[rank].ID, counters(held, c.view.Members))
		}
	}
	if f := &c.flush; f.attempt.View.ID != 0 {
		if f.states != nil {
			fmt.Fprintf(&b, "   leads; lacks %d flush states, has %d acknowledgements\n", f.missing, len(f.acks))
		}
		if f.cut != nil {
			fmt.Fprintf(&b, "   cut: base %d clock %d%s, acknowledged: %v\n", f.cut.Base, f.cut.Clock,
				describeEntries(f.cut.Entries, f.cut.Members), c.CutAcknowledged())
		}
	}
	for _, k := range c.future {
		fmt.Fprintf(&b, "   keeps %s of view %d from %s\n", k.msg.Kind, k.msg.View, k.from.ID)
	}
	return b.String()
}
