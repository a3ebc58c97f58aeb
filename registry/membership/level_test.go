package membership

import (
	"errors"
	"strings"
	"testing"
)

// grown returns a group whose view has members of the given feature levels, a, b and so on.
func grown(t *testing.T, levels ...uint32) *sim {
	t.Helper()
	s := newSim(Settings{})
	s.mayRegister(t, "a", levels[0])
	for i, level := range levels[1:] {
		s.mayRegister(t, string(rune('b'+i)), level)
		for range 100 {
			if s.run(s.g.state.Settings.Heartbeat); len(s.g.committed().Members) == i+2 {
				break
			}
		}
	}
	if n := len(s.g.committed().Members); n != len(levels) {
		t.Fatalf("%d members\n%s", n, s.out.String())
	}
	return s
}

func (s *sim) mayRegister(t *testing.T, id string, level uint32) *simNode {
	t.Helper()
	n, err := s.register(Registration{ID: id, FeatureLevel: level})
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return n
}

// level is the feature level of the committed view.
func (s *sim) level() uint32 { return s.g.committed().FeatureLevel }

// A view has the lowest level of its members. It rises when the last node of an older
// release has gone, and from then on none of them is registered.
func TestLevelRises(t *testing.T) {
	s := grown(t, 3, 5, 4)
	if s.level() != 3 {
		t.Fatalf("level %d", s.level())
	}
	if _, err := s.register(Registration{ID: "old", FeatureLevel: 2}); !errors.Is(err, ErrOldRelease) ||
		!strings.Contains(err.Error(), "speaks feature level 2, and all members of the group (a#1, b#2, c#3) speak 3: install a newer release") {
		t.Errorf("a node of level 2: %v", err)
	}
	before := s.saved.NextIncarnation
	waits := s.mayRegister(t, "d", 3) // loads the state as long as the level is 3
	waits.loading = true
	s.node("a").dead = true
	for range 100 {
		s.run(s.g.state.Settings.Heartbeat)
	}
	if s.level() != 4 {
		t.Fatalf("level %d\n%s", s.level(), s.out.String())
	}
	if s.saved.NextIncarnation != before+1 {
		t.Error("who is refused takes an incarnation")
	}
	d, err := s.g.Directive(waits.from(), 0)
	if err != nil || !d.Excluded || !strings.Contains(d.Reason, "speaks feature level 3") {
		t.Errorf("the joiner that was left behind hears %+v, %v", d, err)
	}
	for _, id := range []string{"a", "d", "e"} {
		if _, err := s.register(Registration{ID: id, FeatureLevel: 3}); !errors.Is(err, ErrOldRelease) {
			t.Errorf("%s of level 3: %v", id, err)
		}
	}
	s.restart()
	if _, err := s.register(Registration{ID: "a", FeatureLevel: 3}); !errors.Is(err, ErrOldRelease) {
		t.Errorf("after a restart: %v", err)
	}
	s.mayRegister(t, "a", 4)
	for range 100 {
		s.run(s.g.state.Settings.Heartbeat)
	}
	if n := len(s.g.committed().Members); n != 3 || s.level() != 4 {
		t.Errorf("%d members of level %d\n%s", n, s.level(), s.out.String())
	}
}

// A joiner that the level leaves behind hears of it with the view: no directive that has the
// view names it.
func TestLevelNamesNobodyItLeavesBehind(t *testing.T) {
	s := grown(t, 3, 4)
	waits := s.mayRegister(t, "d", 3)
	waits.loading = true
	s.node("a").dead = true
	for range 200 {
		s.run(s.g.state.Settings.Heartbeat / 4)
		d, err := s.g.Directive(s.node("b").from(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if d.Views[0].FeatureLevel == 4 {
			if len(d.Joining) != 0 {
				t.Fatalf("view %d of level 4 goes with %+v", d.Views[0].ID, d.Joining)
			}
			return
		}
	}
	t.Fatalf("the level does not rise\n%s", s.out.String())
}

// The level of a generation that is lost binds nobody: a node that brings the last proof of
// the loss is registered, and so is any once an operator has given the state up.
func TestLevelEndsWithItsGeneration(t *testing.T) {
	s := grown(t, 4)
	s.node("a").dead = true
	if _, err := s.register(Registration{ID: "b", FeatureLevel: 3}); !errors.Is(err, ErrOldRelease) {
		t.Errorf("without proof: %v", err)
	}
	if _, err := s.register(Registration{ID: "a", FeatureLevel: 3, ProvedDead: 99}); err == nil {
		t.Error("with a proof about another")
	}
	n, err := s.prove(Registration{ID: "a", FeatureLevel: 3, ProvedDead: s.node("a").inc})
	if err != nil || s.level() != 3 || s.saved.Generation != 2 {
		t.Errorf("%+v, %v: level %d in generation %d", n, err, s.level(), s.saved.Generation)
	}

	s = grown(t, 4, 4)
	s.node("a").dead, s.node("b").dead = true, true
	if _, err := s.prove(Registration{ID: "a", FeatureLevel: 3, ProvedDead: s.node("a").inc}); !errors.Is(err, ErrOldRelease) {
		t.Errorf("with one proof of two: %v", err)
	}
	if _, err := s.g.NewGeneration(s.now, true); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.mayRegister(t, "a", 3)
	if s.level() != 3 {
		t.Errorf("level %d", s.level())
	}
}
