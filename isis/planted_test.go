//go:build planted

package isis_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/isis"
)

// TestPlantedWedgedVouches has a member ask whose two fellows are wedged for a
// view without it, which may have been committed.
func TestPlantedWedgedVouches(t *testing.T) {
	planted.With(t, planted.WedgedVouches)
	g := newTrio(t, isis.Config{})
	a := isis.Attempt{View: isis.View{ID: 2, Prev: 1, Members: g.ids[1:]}, Leader: g.ids[1]}
	for _, n := range g.nodes[1:] {
		if !n.Wedge(a) {
			t.Fatal("a member refused an attempt")
		}
	}
	g.nodes[0].Probe(1)
	g.turn(0)
	g.run()
	if g.nodes[0].Vouched() == 1 {
		planted.Caught(t, planted.WedgedVouches, "the answers to the probe of a member that is being left out")
	}
}
