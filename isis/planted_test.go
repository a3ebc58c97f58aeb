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
	asker, others := g.Nodes[0], g.Nodes[1:]
	a := isis.Attempt{View: isis.View{ID: 2, Prev: 1, Members: []isis.MemberID{others[0].ID, others[1].ID}}, Leader: others[0].ID}
	for _, n := range others {
		if !n.Core.Wedge(a) {
			t.Fatal("a member refused an attempt")
		}
	}
	asker.Core.Probe(1)
	g.Turn(asker)
	g.run()
	if asker.Core.Vouched() == 1 {
		planted.Caught(t, planted.WedgedVouches, "the answers to the probe of a member that is being left out")
	}
}

// TestPlantedPayloadsForgotten has an attempt fail that has fetched a part.
func TestPlantedPayloadsForgotten(t *testing.T) {
	planted.With(t, planted.PayloadsForgotten)
	if g := newFetching(t); !g.resumes() {
		planted.Caught(t, planted.PayloadsForgotten, "the next attempt, which asks for all of it again")
	}
}
