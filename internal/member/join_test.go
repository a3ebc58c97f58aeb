package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// joining returns a group of n members with a joiner that has loaded the state and is
// ready, but no member yet, since it cannot be linked with n1, and the registry's latest
// directive.
func joining(t *testing.T, n int) (*group, *node, membership.Directive) {
	t.Helper()
	g := newGroup(t, n)
	g.open()
	j := g.join(options{cut: []uint64{1}})
	g.advance(100 * time.Millisecond)
	if !j.m.joiner.ready || j.m.Reader().InView() {
		t.Fatalf("the joiner is ready: %v, in a view: %v", j.m.joiner.ready, j.m.Reader().InView())
	}
	d, err := g.registry.Directive(j.m.From(), 0)
	if err != nil {
		t.Fatal(err)
	}
	j.took()
	return g, j, d
}

// without returns a directive with an attempt at a view of which one member is not
// part.
func without(d *membership.Directive, incarnation uint64) *membership.Directive {
	view := d.Views[len(d.Views)-1]
	a := membership.Attempt{View: membership.View{ID: view.ID + 1, Prev: view.ID}}
	for _, m := range append(append([]membership.Member{}, view.Members...), d.Joining...) {
		if m.Incarnation != incarnation {
			a.View.Members = append(a.View.Members, m)
		}
	}
	a.Leader = a.View.Members[0].Incarnation
	next := *d
	next.Attempt, next.Revision = &a, d.Revision+1
	return &next
}

// A donor that will not be in the next view is given up, and the joiner is not ready
// without it: also if the transfer is over, or another is under way.
func TestDonorOfNoNextView(t *testing.T) {
	t.Run("it is followed", func(t *testing.T) {
		_, j, d := joining(t, 3)
		if j.m.joiner.donor.ID != "n3" {
			t.Fatalf("the donor is %v", j.m.joiner.donor)
		}
		j.do(func(m *Member) { m.Directed(without(&d, 1)) })
		if !j.m.joiner.ready || j.stream == nil {
			t.Fatal("a donor that stays is given up")
		}
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready || j.stream != nil {
			t.Fatal("the donor is not given up")
		}
	})
	t.Run("the transfer is over", func(t *testing.T) {
		_, j, d := joining(t, 3)
		j.do(func(m *Member) { m.TransferEnded(m.joiner.transfer, errConnection) })
		if !j.m.joiner.ready {
			t.Fatal("what is loaded is forgotten with the connection")
		}
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready {
			t.Fatal("the joiner is ready without a donor")
		}
	})
	t.Run("another is under way", func(t *testing.T) {
		g, j, d := joining(t, 3)
		j.noDonor = true
		j.do(func(m *Member) { m.TransferEnded(m.joiner.transfer, errConnection) })
		g.advance(leastJoinPause)
		if other := j.m.joiner.transfer; other == nil || other.donor.ID != "n2" {
			t.Fatalf("no other transfer is under way: %+v", other)
		}
		j.took()
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready || j.stream == nil {
			t.Fatalf("the joiner is ready: %v, it was asked for: %q", j.m.joiner.ready, j.took())
		}
	})
}
