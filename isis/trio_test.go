package isis_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// trio is a group of three cores in view 1.
type trio struct {
	isistest.Group
	tb testing.TB
}

func newTrio(tb testing.TB, cfg isis.Config) *trio {
	g := &trio{tb: tb, Group: isistest.Group{Config: cfg}}
	for _, name := range []string{"a", "b", "c"} {
		g.Start(name)
	}
	if err := g.Form(); err != nil {
		tb.Fatal(err)
	}
	return g
}

func (g *trio) submit(i int, command []byte) {
	if !g.Nodes[i].Core.Submit(command) {
		g.tb.Fatal("refused")
	}
	g.Turn(g.Nodes[i])
}

// run delivers all messages, and all acknowledgements.
func (g *trio) run() {
	if err := g.Run(); err != nil {
		g.tb.Fatal(err)
	}
}

// TestSteadyStateAllocations holds that a message on its way through three cores,
// from Submit to its delivery everywhere, costs no allocation but its payload.
func TestSteadyStateAllocations(t *testing.T) {
	for name, cfg := range map[string]isis.Config{"safe": {}, "agreed": {Agreed: true}, "relayed": {DirectAcks: 1}} {
		t.Run(name, func(t *testing.T) {
			g := newTrio(t, cfg)
			command := []byte("a command of some length")
			message := func() {
				g.submit(0, command)
				g.run()
			}
			for range 100 {
				message()
			}
			if allocs := testing.AllocsPerRun(1000, message); allocs > 1 {
				t.Errorf("%v allocations for a lone message, want 1 at most", allocs)
			}
			three := func() {
				for i := range g.Nodes {
					g.submit(i, command)
				}
				g.run()
			}
			for range 100 {
				three()
			}
			if allocs := testing.AllocsPerRun(1000, three); allocs > 3 {
				t.Errorf("%v allocations for three messages at once, want 3 at most", allocs)
			}
			for _, n := range g.Nodes {
				if n.Applied != g.Nodes[0].Applied || n.Core.Position() != n.Applied || !n.Core.Idle() || n.Core.HeldBack() != 0 {
					t.Errorf("%v has delivered %d of %d, idle %v", n.ID, n.Applied, g.Nodes[0].Applied, n.Core.Idle())
				}
			}
		})
	}
}

// BenchmarkMessage measures one message of one command on its way through three
// cores, all turns of the three included.
func BenchmarkMessage(b *testing.B) {
	for name, cfg := range map[string]isis.Config{"safe": {}, "agreed": {Agreed: true}, "relayed": {DirectAcks: 1}} {
		b.Run(name, func(b *testing.B) {
			g := newTrio(b, cfg)
			command := make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				g.submit(0, command)
				g.run()
			}
		})
	}
}

// BenchmarkSubmit measures a command's way into a batch.
func BenchmarkSubmit(b *testing.B) {
	n := isis.New(isis.Config{Self: isis.MemberID{ID: "a", Incarnation: 1}})
	if err := n.Commit(isis.View{ID: 1, Members: []isis.MemberID{{ID: "a", Incarnation: 1}}}); err != nil {
		b.Fatal(err)
	}
	command := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		n.Submit(command)
		if n.Pending() == 100 {
			n.Ready()
		}
	}
}
