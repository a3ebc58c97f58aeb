package member

import (
	"testing"

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
