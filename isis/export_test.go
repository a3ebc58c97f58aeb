package isis

import (
	"fmt"
	"slices"
	"strings"
)

// Dump returns all that a node holds, for scripts. counters and entries are those of
// package isistest, which tests of this package cannot import.
func (n *Node) Dump(counters func([]uint64, []MemberID) string, entries func([]Entry, []MemberID) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in view %d, attempt %d, position %d, clock %d\n", n.Phase(), n.view.ID, n.Attempt(), n.Position(), n.clock)
	if n.pending.pending > 0 {
		fmt.Fprintf(&b, "   waiting: %d commands\n", n.pending.pending)
	}
	queue := slices.Clone(n.queue.heap)
	slices.SortFunc(queue, func(e, f *entry) int {
		if e.before(f) {
			return -1
		}
		return 1
	})
	for _, e := range queue {
		fmt.Fprintf(&b, "   %s/%d at %d %q", n.view.Members[e.sender].ID, e.seq, e.priority, e.payload)
		if e.final {
			b.WriteString(" final")
		}
		if n.stability.isStable(e) {
			b.WriteString(" stable")
		}
		if e.missing > 0 {
			fmt.Fprintf(&b, " lacks %d proposals, highest %d", e.missing, e.highest)
		}
		b.WriteByte('\n')
	}
	for _, e := range n.unstable {
		fmt.Fprintf(&b, "   delivered at %d and not known to be stable: %s/%d\n", e.first, n.view.Members[e.sender].ID, e.seq)
	}
	if n.phase == Normal && len(n.view.Members) > 1 {
		for rank, held := range n.stability.held {
			fmt.Fprintf(&b, "   held by %s: %s\n", n.view.Members[rank].ID, counters(held, n.view.Members))
		}
	}
	if f := &n.flush; f.attempt.View.ID != 0 {
		if f.states != nil {
			fmt.Fprintf(&b, "   leads; lacks %d flush states, has %d acknowledgements\n", f.missing, len(f.acks))
		}
		if f.cut != nil {
			fmt.Fprintf(&b, "   cut: base %d clock %d%s, acknowledged: %v\n", f.cut.Base, f.cut.Clock,
				entries(f.cut.Entries, f.cut.Members), n.CutAcknowledged())
		}
	}
	for _, k := range n.future {
		fmt.Fprintf(&b, "   keeps %s of view %d from %s\n", k.msg.Kind, k.msg.View, k.from.ID)
	}
	return b.String()
}
