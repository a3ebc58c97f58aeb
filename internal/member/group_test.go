package member

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// group is a group of members in one goroutine: one real registry's decisions, virtual
// clocks, links and connections that carry bytes when they are told to.
type group struct {
	t        rapid.TB
	registry *membership.Group
	away     bool // the registry answers nobody
	revision uint64
	now      time.Duration
	nodes    []*node
	wires    []packet      // in order
	held     map[path]bool // of these links nothing arrives for now
	session  uint64        // that open has opened
	seq      uint64        // of the last set
}

// path is a link in one direction.
type path struct{ from, to string }

// packet is a message on its way.
type packet struct {
	from, to isis.MemberID
	msg      isis.Message
}

// options are what a test's group differs in.
type options struct {
	settings membership.Settings
	core     isis.Config
	limits   store.Limits
	lag      int
	chunk    int
	base     uint64
	counts   bool     // the processor's counter may be used
	cut      []uint64 // incarnations of nodes that it cannot be linked with
	level    uint32   // feature level of all nodes of the first view; 0: 1
}

// testGroup is the number of the tests' group, and began is when their time begins: not
// at 0, which stands for never.
const (
	testGroup = 7
	began     = time.Hour
)

// newGroup returns a group whose first view has n members, n1 and so on, which have
// entered it and serve.
func newGroup(t rapid.TB, n int) *group { return newGroupWith(t, n, options{}) }

func newGroupWith(t rapid.TB, n int, o options) *group {
	g := &group{t: t, now: began, held: map[path]bool{}}
	settings := o.settings.Over(membership.DefaultSettings())
	state := membership.NewState(testGroup, o.base, settings)
	view := membership.View{ID: 1, FeatureLevel: max(o.level, 1)}
	for i := range uint64(n) {
		who := named(i + 1)
		who.FeatureLevel = view.FeatureLevel
		view.Members = append(view.Members, who)
	}
	if n > 0 {
		state.Views, state.NextView, state.NextIncarnation = []membership.View{view}, 2, uint64(n)+1
	}
	g.registry = membership.New(state, g.now)
	g.save()
	for i := range view.Members {
		g.add(view.Members[i], &o)
	}
	for _, node := range g.nodes {
		node.start()
	}
	g.settle()
	return g
}

// named is a member by its incarnation.
func named(incarnation uint64) membership.Member {
	id := fmt.Sprintf("n%d", incarnation)
	return membership.Member{
		ID: id, Incarnation: incarnation, PeerAddr: id + ":1", ClientAddr: id + ":2", FeatureLevel: 1, Nonce: incarnation,
	}
}

// add makes a node, which does not run yet.
func (g *group) add(who membership.Member, o *options) *node {
	n := &node{
		g: g, named: who, self: isis.MemberID{ID: who.ID, Incarnation: who.Incarnation}, alive: true,
		cut: map[uint64]bool{}, lost: map[uint64]error{}, heard: map[uint64]time.Duration{},
	}
	core := o.core
	core.Self, core.Base = n.self, o.base
	settings := o.settings.Over(membership.DefaultSettings())
	core.Agreed = settings.Delivery == membership.Agreed
	n.m = New(Config{
		Core: core, Group: testGroup, Generation: 1, Settings: settings, Limits: o.limits.WithDefaults(),
		MaxLagBytes: o.lag, ChunkBytes: o.chunk, Links: n, Host: n, Doubt: func() { n.doubts++ },
		Clock: clock.Of(&clock.Virtual{Now: n.clocks, Count: n.counter, Counts: o.counts}),
	})
	for _, incarnation := range o.cut {
		n.cut[incarnation] = true
	}
	g.nodes = append(g.nodes, n)
	return n
}

// start hands the node its first directive.
func (n *node) start() {
	d, err := n.g.registry.Directive(n.m.From(), 0)
	if err != nil {
		n.g.t.Fatal(err)
	}
	n.do(func(m *Member) { m.Start(&d) })
}

// join adds a node that registers at the registry and is let run.
func (g *group) join(o options) *node { return g.joinAt(o, 1) }

// joinAt is join of a node of a feature level.
func (g *group) joinAt(o options, level uint32) *node {
	incarnation := uint64(len(g.nodes)) + 1
	who := named(incarnation)
	got, err := g.registry.Register(g.now, membership.Registration{
		ID: who.ID, PeerAddr: who.PeerAddr, ClientAddr: who.ClientAddr, FeatureLevel: level, Nonce: incarnation,
	})
	if err != nil || got != incarnation {
		g.t.Fatalf("%s registers as %d: %v", who.ID, got, err)
	}
	g.tell()
	n := g.add(who, &o)
	n.start()
	return n
}

// node returns a node by its id.
func (g *group) node(id string) *node {
	for _, n := range g.nodes {
		if n.named.ID == id {
			return n
		}
	}
	g.t.Fatalf("there is no node %s", id)
	return nil
}

// hold keeps what one node sends to another until release.
func (g *group) hold(from, to string) { g.held[path{from, to}] = true }

func (g *group) release() {
	clear(g.held)
	g.settle()
}

// settle lets everything happen that needs no time.
func (g *group) settle() {
	for range 100_000 {
		if !g.step() {
			return
		}
	}
	g.t.Fatal("the group does not come to rest")
}

// step lets something happen, and reports whether anything did.
func (g *group) step() bool {
	moved := g.carry()
	for _, n := range g.nodes {
		if !n.alive {
			continue
		}
		if n.stream != nil && n.stream.pump() {
			moved = true
		}
		moved = n.answered() || moved
		if !n.in.Empty() {
			n.turn()
			moved = true
		}
	}
	return moved
}

// carry brings the messages that are not held.
func (g *group) carry() bool {
	kept, moved := g.wires[:0], false
	wires := slices.Clone(g.wires)
	for i := range wires {
		p := &wires[i]
		if g.held[path{p.from.ID, p.to.ID}] {
			kept = append(kept, *p)
			continue
		}
		moved = true
		if to := g.node(p.to.ID); to.alive && to.self == p.to {
			to.heard[p.from.Incarnation] = to.moment().Steady
			to.in.Message(p.from, &p.msg)
		}
	}
	g.wires = kept
	return moved
}

// advance lets time pass, and all happen that is due meanwhile.
func (g *group) advance(d time.Duration) {
	const beat = 10 * time.Millisecond // of the registry
	end := g.now + d
	g.settle()
	for {
		next := g.now - g.now%beat + beat
		for _, n := range g.nodes {
			next = min(next, n.nextDue())
		}
		if next > end {
			g.now = end
			return
		}
		g.now = next
		for _, n := range g.nodes {
			n.fire()
		}
		if g.now%beat == 0 {
			g.ping()
		}
		if !g.away && g.now%beat == 0 {
			g.registry.Tick(g.now)
			g.tell()
		}
		g.settle()
	}
}

// ping has all nodes that are linked hear one another.
func (g *group) ping() {
	for _, n := range g.nodes {
		for _, p := range n.peers {
			other := slices.IndexFunc(g.nodes, func(o *node) bool { return o.self == p.MemberID })
			if other >= 0 && g.nodes[other].alive && !n.cut[p.Incarnation] && !g.held[path{p.ID, n.named.ID}] {
				n.heard[p.Incarnation] = n.moment().Steady
			}
		}
	}
}

// save has the registry's state saved.
func (g *group) save() {
	if _, ok := g.registry.Unsaved(); ok {
		g.registry.Saved()
	}
	g.registry.TakeEvents()
}

// tell saves what the registry has changed, and tells everybody of it.
func (g *group) tell() {
	g.save()
	if g.registry.Revision() == g.revision {
		return
	}
	g.revision = g.registry.Revision()
	for _, n := range g.nodes {
		if !n.alive {
			continue
		}
		if d, err := g.registry.Directive(n.m.From(), g.registry.ViewOf(n.m.From())); err == nil {
			n.in.Call(func(m *Member) { m.Directed(&d) })
		}
	}
}

// crash ends a node without a word.
func (g *group) crash(id string) {
	n := g.node(id)
	n.alive = false
	for _, other := range g.nodes {
		other.cut[n.self.Incarnation] = true
	}
}

// The tests' own group works: members write, a joiner joins, one leaves, one is lost.
func TestGroup(t *testing.T) {
	g := newGroup(t, 3)
	g.open()
	for _, n := range g.nodes {
		if !n.m.Reader().Serves() {
			t.Fatalf("%s does not serve", n.named.ID)
		}
		var c client
		n.write(g.set(n.named.ID, "written"), &c)
		g.settle()
		if got := c.take(); len(got) != 1 || got[0].reply.Status != 0 {
			t.Fatalf("answers: %+v", got)
		}
	}
	n4 := g.join(options{})
	g.advance(5 * time.Second)
	if !n4.m.Reader().Serves() || n4.value("n3") != "written" {
		t.Fatalf("n4 has not joined: %v", n4.did)
	}
	g.crash("n2")
	g.advance(5 * time.Second)
	n3 := g.node("n3")
	n3.do(func(m *Member) { m.Leave(false) })
	g.advance(5 * time.Second)
	if n3.err == nil || len(g.node("n1").m.Status().Members) != 2 {
		t.Fatalf("n3 ended with %v; %+v", n3.err, g.node("n1").m.Status())
	}
}
