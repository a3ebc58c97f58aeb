package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// TestClockSetBackMeanwhile holds that a heartbeat whose answer comes after the clock on
// the wall was set back is no question of later. Otherwise the lease by that clock would
// last for too long, and it is the one that ends while a machine sleeps.
func TestClockSetBackMeanwhile(t *testing.T) {
	g := newGroup(t, 2)
	n, d := g.node("n1"), membership.DefaultSettings().Detection
	g.hold("n1", "n2")
	g.hold("n2", "n1")
	g.away = true
	n.do(func(m *Member) { m.sendBeat() })
	sent := n.beats[len(n.beats)-1]
	answer, err := g.registry.Directive(sent.From, sent.Report.View)
	if err != nil {
		t.Fatal(err)
	}
	g.advance(d / 4)
	n.ahead -= 2 * d
	n.do(func(*Member) {})
	g.advance(d / 4)
	n.do(func(m *Member) { m.Answered(sent, &answer, nil) })
	if !n.m.Reader().Serves() {
		t.Fatal("no lease, and half of it is left")
	}
	slept := d * 3 / 4
	g.now, n.behind, n.ahead = g.now+slept, n.behind+slept, n.ahead+slept
	if n.m.Reader().Serves() {
		t.Error("a lease that was asked for longer than the lease time ago")
	}
}

// TestClockSetBackInTheTurn holds that a step back that the turn of the answer is the
// first to see counts once.
func TestClockSetBackInTheTurn(t *testing.T) {
	const back = 500 * time.Millisecond
	n := newGroup(t, 2).node("n1")
	g := n.g
	g.hold("n2", "n1")
	g.away = true
	g.advance(time.Second)
	n.do(func(m *Member) { m.sendBeat() })
	sent := n.beats[len(n.beats)-1]
	g.now += 100 * time.Millisecond
	n.ahead -= back
	n.do(func(m *Member) {
		m.Answered(sent, &membership.Directive{Group: testGroup, Generation: 1, Settings: membership.DefaultSettings()}, nil)
	})
	if got, want := n.m.leases.wall.Until(), sent.At.Wall-back+2*time.Second; got != want || n.m.leases.back != back {
		t.Errorf("the lease ends %v from when it should", got-want)
	}
	if got, want := n.m.leases.steady.Until(), sent.At.Steady+2*time.Second; got != want {
		t.Errorf("by the steady clock it ends %v from when it should", got-want)
	}
}

// TestClockSetBackOften holds that all steps back since a heartbeat count, and none
// before it.
func TestClockSetBackOften(t *testing.T) {
	const back = 100 * time.Millisecond
	n := newGroup(t, 2).node("n1")
	g := n.g
	g.hold("n2", "n1")
	g.away = true
	setBack := func() {
		n.ahead -= back
		n.do(func(*Member) {})
	}
	setBack()
	g.advance(time.Second)
	n.do(func(m *Member) { m.sendBeat() })
	sent := n.beats[len(n.beats)-1]
	setBack()
	setBack()
	g.now += 3 * back
	n.do(func(m *Member) {
		m.Answered(sent, &membership.Directive{Group: testGroup, Generation: 1, Settings: membership.DefaultSettings()}, nil)
	})
	if got, want := n.m.leases.wall.Until(), sent.At.Wall-2*back+2*time.Second; got != want {
		t.Errorf("the lease ends %v from when it should", got-want)
	}
}
