package membership

import (
	"testing"
	"time"
)

// An attempt makes progress while all its members take part and payloads come to one that has
// not acknowledged the cut. What comes to one that has is for an attempt before.
func TestAttemptAdvances(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id, FeatureLevel: fetchLevel}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(time.Second)
	g := s.g
	base := g.committed()
	a := &Attempt{View: View{ID: g.state.NextView, Prev: base.ID, FeatureLevel: fetchLevel, Members: base.Members}}
	for name, tc := range map[string]struct {
		change func(reports []*Report)
		want   bool
	}{
		"nothing comes":            {func([]*Report) {}, false},
		"payloads come":            {func(r []*Report) { r[1].Fetched++ }, true},
		"to one that acknowledged": {func(r []*Report) { r[1].Fetched++; r[1].Acked = a.View.ID }, false},
		"acknowledged before":      {func(r []*Report) { r[1].Fetched++; r[1].Acked = a.View.ID - 1 }, true},
		"one takes no part":        {func(r []*Report) { r[1].Fetched++; r[2].Wedged = 0 }, false},
	} {
		var reports []*Report
		for _, m := range base.Members {
			n := g.nodes[m.Incarnation]
			n.report = Report{View: base.ID, Wedged: a.View.ID, Fetched: 10}
			reports = append(reports, &n.report)
		}
		g.lookAt(a)
		tc.change(reports)
		if got := g.advances(a); got != tc.want {
			t.Errorf("%s: it makes progress: %v", name, got)
		}
		if g.advances(a) {
			t.Errorf("%s: the same counts again", name)
		}
	}
	a.View.FeatureLevel--
	g.nodes[base.Members[1].Incarnation].report.Fetched++
	if g.advances(a) {
		t.Error("members below the level do not go on")
	}
}

// TestLookIsNoMark holds that a look for a better plan, shortly before the time of an attempt is
// up, does not hide the progress that was made before it.
func TestLookIsNoMark(t *testing.T) {
	s := newSim(Settings{MinMembers: 3})
	register := func(id string) {
		if _, err := s.register(Registration{ID: id, FeatureLevel: fetchLevel}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		register(id)
	}
	s.run(time.Second)
	s.node("n3").dead = true
	register("n4")
	s.node("n4").stuck = true
	for s.g.spares == sparesNobody {
		s.run(s.pace)
	}
	s.node("n4").stuck, s.node("n4").slow = false, time.Hour
	s.run(DefaultSettings().Heartbeat)
	view := s.g.state.Attempt.View.ID
	s.g.lookAgain = s.g.deadline - 2*s.pace
	s.run(s.g.deadline - s.now + s.pace)
	if a := s.g.state.Attempt; a == nil || a.View.ID != view {
		t.Errorf("attempt %d was given up although it made progress:\n%s", view, s.out.String())
	}
}
