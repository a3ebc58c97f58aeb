//go:build planted

package membership

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlanted has the model find mistakes in decisions.
func TestPlanted(t *testing.T) {
	for _, bug := range []planted.Bug{
		planted.LeaderAmongJoiners, planted.RestartForgets, planted.HeartbeatByID, planted.AttemptFromFailed,
		planted.PositionsBeginAnew, planted.FloorWithoutRoom, planted.ProofAtOnce,
	} {
		t.Run(bug.String(), func(t *testing.T) {
			planted.Property(t, bug, "the model", func(t testing.TB) {
				rapid.Check(t, model)
			})
		})
	}
}

// TestPlantedRestartForgets has the model do without a look at what is saved:
// then it takes a restart of the registry to show the mistake.
func TestPlantedRestartForgets(t *testing.T) {
	planted.Property(t, planted.RestartForgets, "the model, by what nodes are told", func(t testing.TB) {
		rapid.Check(t, func(t *rapid.T) {
			faults(t, func(o *oracle, _ *simNode, d Directive) { o.heard(d) })
		})
	})
}

// TestPlantedReportsOneWay has a member that lost its links cost another one its
// place.
func TestPlantedReportsOneWay(t *testing.T) {
	planted.Property(t, planted.ReportsOneWay, "one member's lost links", func(t testing.TB) {
		rapid.Check(t, oneFault)
	})
}

// TestPlantedAttemptNeverGrows has a member that takes longer for each attempt than the first
// is given.
func TestPlantedAttemptNeverGrows(t *testing.T) {
	planted.With(t, planted.AttemptNeverGrows)
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id, FeatureLevel: fetchLevel}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(time.Second)
	s.node("n2").delay = 5 * time.Second
	s.node("n3").dead = true
	s.run(time.Minute)
	if v, _ := s.saved.Committed(); len(v.Members) == 3 {
		planted.Caught(t, planted.AttemptNeverGrows, "a group whose attempts fail for a minute")
	}
}

// TestPlantedAttemptStands has a link die in an attempt that the minimum size leaves no other
// than.
func TestPlantedAttemptStands(t *testing.T) {
	planted.With(t, planted.AttemptStands)
	s := newSim(Settings{MinMembers: 3, AttemptTimeout: 2 * DefaultSettings().Detection}) // so that the link is silent when its time is up
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
	s.node("n4").delay = time.Second // until the link dies
	for s.node("n4").wedged == 0 {
		s.run(s.pace)
	}
	s.lose("n1", "n4")
	s.run(time.Minute)
	if v, _ := s.saved.Committed(); v.Has(s.node("n3").inc) {
		planted.Caught(t, planted.AttemptStands, "a group of the minimum size that makes no view for a minute")
	}
}
