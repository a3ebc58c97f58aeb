package isis_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

// TestPace holds that a node with a pace begins messages as it is granted credit, and that
// credit does not gather beyond its limit.
func TestPace(t *testing.T) {
	g := newTrio(t, isis.Config{})
	a := g.Nodes[0].Core
	command := make([]byte, 100)
	send := func() {
		g.submit(0, command)
		g.run()
	}
	a.Pace(true)
	send()
	if a.Pending() != 1 {
		t.Fatal("it sends without credit")
	}
	a.Grant(1, 1000)
	g.Turn(g.Nodes[0])
	g.run()
	if a.Pending() != 0 {
		t.Fatal("it does not send with credit")
	}
	a.Grant(99, 1000) // has used up 100 of 1
	send()
	if a.Pending() != 1 {
		t.Fatal("it sends beyond its credit")
	}
	a.Pace(true) // as every directive says
	a.Grant(5000, 150)
	g.Turn(g.Nodes[0])
	g.run()
	send()
	send()
	if a.Pending() != 1 {
		t.Fatalf("%d commands wait after a grant for two", a.Pending())
	}
	a.Pace(false)
	send()
	if a.Pending() != 0 {
		t.Fatal("it does not send without a pace")
	}
}

// TestPaceForgives holds that a message uses up no more than 16 limits of credit beyond what
// there is, however large it is.
func TestPaceForgives(t *testing.T) {
	g := newTrio(t, isis.Config{})
	a := g.Nodes[0].Core
	a.Pace(true)
	a.Grant(1, 10)
	g.submit(0, make([]byte, 5000))
	g.submit(0, []byte("x"))
	g.run()
	for grants := 0; a.Pending() > 0; grants++ {
		if grants > 16 || grants < 16 && a.Pending() != 1 {
			t.Fatalf("%d commands wait after %d grants", a.Pending(), grants)
		}
		a.Grant(10, 10)
		g.Turn(g.Nodes[0])
		g.run()
	}
}

// TestEase holds that a node that eases has one message under way, and goes on.
func TestEase(t *testing.T) {
	g := newTrio(t, isis.Config{Window: 4})
	a := g.Nodes[0].Core
	a.Ease(true)
	for range 3 {
		g.submit(0, []byte("x"))
	}
	if oldest, newest := a.UnderWay(); oldest != 1 || newest != 1 || a.Pending() != 2 {
		t.Fatalf("messages %d to %d are under way, %d commands wait", oldest, newest, a.Pending())
	}
	g.run()
	if oldest, newest := a.UnderWay(); oldest != 0 || newest != 0 || a.Pending() != 0 {
		t.Fatalf("messages %d to %d are under way at the end, %d commands wait", oldest, newest, a.Pending())
	}
	a.Ease(false)
	for range 3 {
		g.submit(0, []byte("x"))
	}
	if oldest, newest := a.UnderWay(); newest-oldest != 2 {
		t.Fatalf("messages %d to %d are under way", oldest, newest)
	}
}
