package membership

import (
	"testing"
	"time"
)

// TestWedgedOwesNothing holds that a member which an attempt passes over is not
// heard about the silence of those that are wedged for it: they owe it no answers
// any more, and it does not hear of the attempt.
func TestWedgedOwesNothing(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
		s.run(time.Second)
	}
	g := s.g
	base := g.committed()
	if len(base.Members) != 3 {
		t.Fatalf("view %v", base)
	}
	passed, wedged := base.Members[0], base.Members[1]
	g.nodes[passed.Incarnation].report.Peers = []Peer{{Incarnation: wedged.Incarnation, Silent: g.state.Settings.Detection}}
	links := func() int { return len(g.cutLinks(base.Members, nil)) }
	if links() != 1 {
		t.Fatal("without an attempt the report does not count")
	}
	g.state.Attempt = &Attempt{View: View{ID: g.state.NextView, Prev: base.ID, Members: base.Members[1:]}, Leader: wedged.Incarnation}
	if links() != 1 {
		t.Error("the report about a member that is not wedged does not count")
	}
	g.nodes[wedged.Incarnation].report.Wedged = g.state.Attempt.View.ID
	if links() != 0 {
		t.Error("a member that is passed over accuses one that is wedged")
	}
}
