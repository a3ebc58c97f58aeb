package isis_test

import (
	"bytes"
	"testing"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// fetching is a group whose third member is lost. The second one has its last message, of
// five parts, and the first has not.
type fetching struct {
	*trio
	payload  []byte
	supplied uint64 // bytes, sent by the second
	asked    []isis.Part
}

func newFetching(tb testing.TB) *fetching {
	g := &fetching{trio: newTrio(tb, isis.Config{})}
	g.Sent = func(_, _ *isistest.Node, m *isis.Message) {
		switch m.Kind {
		case isis.KindFetch:
			g.asked = append(g.asked, *m.Part)
		case isis.KindSupply:
			g.supplied += uint64(len(m.Part.Bytes))
		default:
		}
	}
	g.payload = bytes.Repeat([]byte("0123456789abcdef"), (4<<16+99)/16)
	g.submit(2, g.payload)
	g.deliver(2, 1, 1)
	for _, to := range g.Nodes[:2] {
		g.Truncate(g.Nodes[2].Links[to.Index()], 0)
	}
	g.Stop(g.Nodes[2])
	return g
}

// deliver delivers messages of a link, each in a turn of its own.
func (g *fetching) deliver(from, to, messages int) {
	l := g.Nodes[from].Links[to]
	for range messages {
		if err := g.Deliver(l); err != nil {
			g.tb.Fatal(err)
		}
		g.Turn(l.To)
	}
}

// attempt has the first two wedge for a view of the two.
func (g *fetching) attempt(id uint64) isis.View {
	v := isis.View{ID: id, Prev: 1, Members: []isis.MemberID{g.Nodes[0].ID, g.Nodes[1].ID}}
	for _, n := range g.Nodes[:2] {
		if !n.Core.Wedge(isis.Attempt{View: v, Leader: g.Nodes[0].ID}) {
			g.tb.Fatalf("%v refuses attempt %d", n.ID, id)
		}
		g.Turn(n)
	}
	return v
}

// resumes reports whether the second attempt asked for the rest of what the first has
// brought, and for no more.
func (g *fetching) resumes() bool {
	g.attempt(2)
	g.deliver(1, 0, 1) // FLUSH-STATE
	g.deliver(0, 1, 2) // LEAN-CUT, FETCH
	g.deliver(1, 0, 3) // CUT-ACK, two parts
	g.Truncate(g.Nodes[1].Links[0], 0)
	v := g.attempt(3)
	g.run()
	if n := g.Nodes[0]; n.Core.Installed() != 3 || n.Core.Fetched() == 0 {
		g.tb.Fatalf("attempt 3 is not installed; %d bytes came", n.Core.Fetched())
	}
	var got []byte
	g.Delivered = func(n *isistest.Node, d *isis.Delivery) {
		if n == g.Nodes[0] {
			got = d.Payload
		}
	}
	for _, n := range g.Nodes[:2] {
		if err := n.Core.Commit(v); err != nil {
			g.tb.Fatal(err)
		}
		g.Turn(n)
	}
	if !bytes.Equal(got, g.payload) {
		g.tb.Fatalf("%d bytes were delivered, not the %d that were sent", len(got), len(g.payload))
	}
	last := g.asked[len(g.asked)-1]
	return len(g.asked) == 2 && last.Offset == 2<<16 && g.supplied == uint64(2*len(g.payload)-2<<16)
}

// newLacking returns a group whose third member is lost. The second one has some messages of
// it, more than the window of the others, and the others have none.
func newLacking(tb testing.TB, window, messages int, others ...string) *fetching {
	g := &fetching{trio: &trio{tb: tb, Group: isistest.Group{Config: isis.Config{Window: window}}}}
	g.Start("a")
	g.Start("b")
	g.Config.Window = messages
	g.Start("c")
	g.Config.Window = window
	for _, name := range others {
		g.Start(name)
	}
	if err := g.Form(); err != nil {
		tb.Fatal(err)
	}
	for i := range messages {
		g.submit(2, []byte{byte(i)})
	}
	g.deliver(2, 1, messages)
	for _, to := range g.Nodes {
		if to != g.Nodes[2] {
			g.Truncate(g.Nodes[2].Links[to.Index()], 0)
		}
	}
	g.Stop(g.Nodes[2])
	return g
}

// TestFetchAsksForFew holds that a holder is asked for as many messages at a time as a member
// has under way, and for another when one has come: all that are lacking could be more than a
// link keeps. So it is after another attempt that has begun meanwhile.
func TestFetchAsksForFew(t *testing.T) {
	const window, lacking = 2, 5
	for _, attempts := range []int{1, 2} {
		g := newLacking(t, window, lacking)
		waits, most, all := 0, 0, 0
		g.Sent = func(_, _ *isistest.Node, m *isis.Message) {
			switch m.Kind {
			case isis.KindFetch:
				waits, all = waits+1, all+1
				most = max(most, waits)
			case isis.KindSupply:
				waits--
			default:
			}
		}
		g.attempt(2)
		if attempts > 1 {
			g.deliver(1, 0, 1) // FLUSH-STATE: the first two are asked for, and nobody hears it
			g.Truncate(g.Nodes[0].Links[1], 0)
			waits, all = 0, 0
			g.attempt(3)
		}
		g.run()
		if g.Nodes[0].Core.Installed() != uint64(1+attempts) || all != lacking || most != window {
			t.Errorf("attempt %d is installed; %d messages were asked for, %d at a time; want %d and %d", g.Nodes[0].Core.Installed(), all, most, lacking, window)
		}
	}
}

// TestFetchBesideEarlier holds that what an earlier attempt has asked for, and what comes before
// this one may ask, does not make it ask for more.
func TestFetchBesideEarlier(t *testing.T) {
	g := newLacking(t, 2, 5, "d")
	a, b, leader := g.Nodes[0], g.Nodes[1], g.Nodes[3]
	waits, most := 0, 0
	g.Sent = func(from, _ *isistest.Node, m *isis.Message) {
		if m.Kind == isis.KindFetch && from == a {
			waits++
			most = max(most, waits)
		}
	}
	attempt := func(id uint64) {
		v := isis.View{ID: id, Prev: 1, Members: []isis.MemberID{a.ID, b.ID, leader.ID}}
		for _, n := range []*isistest.Node{a, b, leader} {
			n.Core.Wedge(isis.Attempt{View: v, Leader: leader.ID})
			g.Turn(n)
		}
	}
	attempt(2)
	g.deliver(0, 3, 1) // FLUSH-STATE
	g.deliver(1, 3, 1)
	g.deliver(1, 0, 1) // FLUSH
	g.deliver(3, 0, 1) // LEAN-CUT
	g.deliver(0, 1, 3) // FLUSH, two FETCHes
	attempt(3)
	g.deliver(0, 3, 1)
	g.deliver(3, 1, 1)
	g.deliver(1, 3, 1)
	g.deliver(3, 0, 1)
	waits, most = 0, 0
	g.deliver(1, 0, 3) // two SUPPLYs, FLUSH
	if most != 2 {
		t.Errorf("%d messages are asked for at a time", most)
	}
	if g.run(); leader.Core.Installed() != 3 {
		t.Errorf("attempt %d is installed", leader.Core.Installed())
	}
}

// TestFetchAfterAnotherState holds that a joiner which loads the state again, while it waits
// for what it lacks, asks again, and gets all.
func TestFetchAfterAnotherState(t *testing.T) {
	g := newLacking(t, 2, 5)
	asked := 0
	g.Sent = func(from, _ *isistest.Node, m *isis.Message) {
		if m.Kind == isis.KindFetch && from == g.Nodes[3] {
			asked++
		}
	}
	j := g.Start("j")
	j.Observe(g.Nodes[0])
	v := isis.View{ID: 2, Prev: 1, Members: []isis.MemberID{g.Nodes[0].ID, g.Nodes[1].ID, j.ID}}
	for _, i := range []int{0, 1, 3} {
		g.Nodes[i].Core.Wedge(isis.Attempt{View: v, Leader: g.Nodes[1].ID})
		g.Turn(g.Nodes[i])
	}
	g.deliver(0, 1, 1) // FLUSH-STATE
	g.deliver(1, 3, 1) // LEAN-CUT
	if asked != 2 {
		t.Fatalf("%d messages are asked for", asked)
	}
	j.Observe(g.Nodes[1])
	g.Turn(j)
	g.run()
	if g.Nodes[1].Core.Installed() != 2 || asked != 2+5 {
		t.Errorf("attempt %d is installed; %d messages were asked for", g.Nodes[1].Core.Installed(), asked)
	}
}

// TestFetchResumes holds that what an attempt has fetched is of use to the next.
func TestFetchResumes(t *testing.T) {
	if g := newFetching(t); !g.resumes() {
		t.Errorf("asked for %v, %d bytes were sent for a payload of %d", g.asked, g.supplied, len(g.payload))
	}
}

// TestSupplyOfEarlierAttempt holds that what was asked for in an attempt counts in the next:
// it is not asked for again.
func TestSupplyOfEarlierAttempt(t *testing.T) {
	g := newFetching(t)
	g.attempt(2)
	g.deliver(1, 0, 1) // FLUSH-STATE
	g.deliver(0, 1, 2) // LEAN-CUT, FETCH
	g.attempt(3)       // behind the parts, which are on their way
	g.run()
	if n := g.Nodes[0]; n.Core.Installed() != 3 || len(g.asked) != 1 || g.supplied != uint64(len(g.payload)) {
		t.Errorf("attempt %d is installed; asked for %v, %d bytes were sent for a payload of %d", n.Core.Installed(), g.asked, g.supplied, len(g.payload))
	}
}

// TestSupplyRefused holds what is no next part of what is lacking: nothing of it is taken.
func TestSupplyRefused(t *testing.T) {
	g := newFetching(t)
	g.attempt(2)
	g.deliver(1, 0, 1)
	a, b := g.Nodes[0].Core, g.Nodes[1]
	part := func(p isis.Part) *isis.Message {
		return &isis.Message{Kind: isis.KindSupply, View: 2, Part: &p}
	}
	for name, m := range map[string]*isis.Message{
		"no part":            {Kind: isis.KindSupply, View: 2},
		"nothing":            part(isis.Part{Sender: 2, Seq: 1, Size: 9}),
		"more than the size": part(isis.Part{Sender: 2, Seq: 1, Size: 1, Bytes: []byte("xy")}),
		"behind the end":     part(isis.Part{Sender: 2, Seq: 1, Offset: 1<<64 - 1, Size: 3, Bytes: []byte("xy")}),
	} {
		if err := a.Step(b.ID, m); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for name, m := range map[string]*isis.Message{
		"not the next":   part(isis.Part{Sender: 2, Seq: 1, Offset: 1, Size: 3, Bytes: []byte("xy")}),
		"not lacking":    part(isis.Part{Sender: 2, Seq: 2, Size: 2, Bytes: []byte("xy")}),
		"of the base":    {Kind: isis.KindSupply, View: 1, Part: &isis.Part{Sender: 2, Seq: 1, Size: 2, Bytes: []byte("xy")}},
		"of one outside": part(isis.Part{Sender: 2, Seq: 1, Size: 2, Bytes: []byte("xy")}),
	} {
		from := b.ID
		if name == "of one outside" {
			from = g.Nodes[2].ID
		}
		if err := a.Step(from, m); (err != nil) != (name == "of one outside") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.Fetched() != 0 {
		t.Errorf("%d bytes were taken", a.Fetched())
	}
	for name, p := range map[string]isis.Part{
		"not held":       {Sender: 2, Seq: 2},
		"behind the end": {Sender: 2, Seq: 1, Offset: uint64(len(g.payload))},
	} {
		if err := b.Core.Step(g.Nodes[0].ID, &isis.Message{Kind: isis.KindFetch, View: 2, Part: &p}); err == nil {
			t.Errorf("a FETCH of what is %s: taken", name)
		}
	}
}
