package isis_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

// trio is a group of three cores whose links are one queue.
type trio struct {
	tb     testing.TB
	nodes  [3]*isis.Node
	ids    [3]isis.MemberID
	queue  []queued
	acks   []uint64 // backs the counters of queued ACKs, which the core writes on in
	counts [3]uint64
}

type queued struct {
	from isis.MemberID
	isis.Envelope
}

func newTrio(tb testing.TB, cfg isis.Config) *trio {
	t := &trio{tb: tb}
	view := isis.View{ID: 1}
	for i := range t.nodes {
		cfg.Self = isis.MemberID{ID: string(rune('a' + i)), Incarnation: uint64(i + 1)}
		view.Members = append(view.Members, cfg.Self)
		t.nodes[i], t.ids[i] = isis.New(cfg), cfg.Self
	}
	for _, n := range t.nodes {
		if err := n.Commit(view); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range t.nodes {
		t.turn(i)
	}
	t.run()
	return t
}

func (t *trio) turn(i int) {
	ready := t.nodes[i].Ready()
	for _, e := range ready.Messages {
		start := len(t.acks)
		t.acks = append(t.acks, e.Acks...)
		e.Acks = t.acks[start:len(t.acks):len(t.acks)]
		t.queue = append(t.queue, queued{t.ids[i], e})
	}
	for j := range ready.Deliveries {
		t.counts[i] += uint64(ready.Deliveries[j].Count)
	}
}

// run delivers all messages, and all acknowledgements.
func (t *trio) run() {
	for {
		for at := 0; at < len(t.queue); at++ {
			q := &t.queue[at]
			to := int(q.To.Incarnation - 1)
			if err := t.nodes[to].Step(q.from, &q.Message); err != nil {
				t.tb.Fatal(err)
			}
			t.turn(to)
		}
		t.queue, t.acks = t.queue[:0], t.acks[:0]
		for i, n := range t.nodes {
			if n.AcksWait() {
				n.SendAcks()
				t.turn(i)
			}
		}
		if len(t.queue) == 0 {
			return
		}
	}
}

func (t *trio) submit(i int, command []byte) {
	if !t.nodes[i].Submit(command) {
		t.tb.Fatal("refused")
	}
	t.turn(i)
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
				for i := range g.nodes {
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
			for i, n := range g.nodes {
				if g.counts[i] != g.counts[0] || n.Position() != g.counts[i] || !n.Idle() || n.HeldBack() != 0 {
					t.Errorf("node %d has delivered %d of %d, idle %v", i, g.counts[i], g.counts[0], n.Idle())
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
