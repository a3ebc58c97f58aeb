package isis_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// TestNoTimerForSenders holds that a member never needs the timer of
// acknowledgements to deliver its own messages, for which clients wait: in any
// schedule without faults, once all is delivered that was sent, without a single
// SendAcks, all that a member submitted is delivered at it.
func TestNoTimerForSenders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 5).Draw(t, "members")
		cfg := isis.Config{Window: rapid.IntRange(1, 3).Draw(t, "window"), MaxBatchCommands: rapid.IntRange(1, 3).Draw(t, "batch")}
		cfg.DirectAcks = rapid.SampledFrom([]int{1, 5}).Draw(t, "direct")
		g := isistest.Group{Config: cfg}
		for i := range size {
			g.Start(fmt.Sprint("n", i))
		}
		if err := g.Form(); err != nil {
			t.Fatal(err)
		}
		deliver := func(l *isistest.Link) {
			if err := g.Deliver(l); err != nil {
				t.Fatal(err)
			}
		}
		member := rapid.IntRange(0, size-1)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			n := g.Nodes[member.Draw(t, "member")]
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				n.Core.Submit([]byte("c"))
				g.Turn(n)
			case 1:
				g.Turn(n)
			default:
				if l := g.Nodes[member.Draw(t, "from")].Links[n.Index()]; l.Len() > 0 {
					deliver(l)
				}
				if rapid.Bool().Draw(t, "end turn") {
					g.Turn(n)
				}
			}
		}
		for _, n := range g.Nodes {
			g.Turn(n)
		}
		for len(g.Busy) > 0 {
			l := g.Busy[0]
			deliver(l)
			g.Turn(l.To)
		}
		for _, n := range g.Nodes {
			if !n.Core.Idle() {
				t.Fatalf("%v still waits for its own messages: %d held back", n.ID, n.Core.HeldBack())
			}
		}
	})
}
