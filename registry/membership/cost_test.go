package membership

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestOneFaultCostsOneMember lets one member of a group lose links, in one
// direction or in both: all of them or some. It alone may cost the group a
// member: itself, or, where it has lost one link only, the other end.
func TestOneFaultCostsOneMember(t *testing.T) { rapid.Check(t, oneFault) }

func oneFault(t *rapid.T) {
	s := newSim(Settings{})
	size := rapid.IntRange(2, 6).Draw(t, "size")
	for i := range size {
		if _, err := s.register(Registration{ID: fmt.Sprintf("n%d", i+1)}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(2 * time.Second)
	before, _ := s.saved.Committed()
	if len(before.Members) != size {
		t.Fatalf("the group did not form: %s", s.members())
	}
	faulty := s.node(before.Members[rapid.IntRange(0, size-1).Draw(t, "rank")].ID)
	lost := loseLinks(t, s, faulty)
	s.run(10 * time.Second)

	after, _ := s.saved.Committed()
	if len(after.Members) != size-1 || s.saved.Attempt != nil {
		t.Fatalf("%s lost %d links, and after view %d there is %s\n%s", faulty.id, len(lost), before.ID, s.members(), s.out.String())
	}
	for _, m := range before.Members {
		if !after.Has(m.Incarnation) && m.ID != faulty.id && (len(lost) > 1 || !slices.Contains(lost, m.ID)) {
			t.Fatalf("%s lost %d links, and %s was excluded\n%s", faulty.id, len(lost), m.ID, s.out.String())
		}
	}
}

// loseLinks cuts links of the faulty node to one member or more, and returns
// the other ends.
func loseLinks(t *rapid.T, s *sim, faulty *simNode) []string {
	var others []string
	for _, n := range s.nodes {
		if n != faulty {
			others = append(others, n.id)
		}
	}
	if rapid.Bool().Draw(t, "deaf") {
		faulty.deaf = true
		return others
	}
	lost := rapid.SliceOfNDistinct(rapid.SampledFrom(others), 1, len(others), rapid.ID).Draw(t, "lost links")
	deaf := rapid.SampledFrom([]string{"it hears nothing", "they hear nothing", "neither"}).Draw(t, "who hears what")
	for _, id := range lost {
		s.cuts[[2]string{faulty.id, id}] = deaf != "they hear nothing"
		s.cuts[[2]string{id, faulty.id}] = deaf != "it hears nothing"
	}
	return lost
}
