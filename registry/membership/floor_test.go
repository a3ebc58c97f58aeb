package membership

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// alone returns a group with one member, which has reported a position.
func alone(t *testing.T, position uint64) (*sim, *simNode) {
	t.Helper()
	s := newSim(Settings{})
	n, err := s.register(Registration{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	s.beat(n, Report{View: n.view, Figures: Figures{Position: position}})
	return s, n
}

// TestNextGenerationLiesAbove goes through the ways to a new generation: it begins
// Room above what was reported, or somewhat more.
func TestNextGenerationLiesAbove(t *testing.T) {
	const position = 1_000_000
	back := func(t *testing.T, s *sim, n *simNode) {
		n.dead = true
		if _, err := s.prove(Registration{ID: "a", ProvedDead: n.inc}); err != nil {
			t.Fatal(err)
		}
	}
	for name, lose := range map[string]func(*testing.T, *sim, *simNode){
		"a lone node comes back": back,
		"the registry was restarted before": func(t *testing.T, s *sim, n *simNode) {
			s.restart()
			back(t, s, n)
		},
		"the registry crashes when it begins": func(t *testing.T, s *sim, n *simNode) {
			n.dead = true
			r := Registration{ID: "a", ProvedDead: n.inc, Nonce: 1}
			if _, err := s.register(r); !errors.Is(err, ErrIDInUse) {
				t.Fatalf("a claim: %v", err)
			}
			s.run(2 * s.saved.Settings.proofSilence())
			s.crash = true
			if _, err := s.register(r); !errors.Is(err, errCrashed) {
				t.Fatalf("the registry did not crash: %v", err)
			}
			back(t, s, n)
		},
		"the last member leaves": func(t *testing.T, s *sim, n *simNode) {
			if err := s.g.Leave(s.now, n.from(), true, ""); err != nil {
				t.Fatal(err)
			}
			s.settle()
		},
		"an operator decides": func(t *testing.T, s *sim, _ *simNode) {
			if _, err := s.g.NewGeneration(s.now, true); err != nil {
				t.Fatal(err)
			}
			s.settle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, n := alone(t, position)
			lose(t, s, n)
			if s.saved.Generation != 2 || s.saved.Base < position+Room || s.saved.Base > position+Room+2*floorStep {
				t.Errorf("generation %d begins at %d; position %d was reported", s.saved.Generation, s.saved.Base, position)
			}
			if s.saved.Floor < s.saved.Base+Room {
				t.Errorf("it begins at %d, and the next would at %d", s.saved.Base, s.saved.Floor)
			}
			newcomer, err := s.register(Registration{ID: "b"})
			if err != nil || newcomer.latest.Base != s.saved.Base {
				t.Errorf("a node is told %d (%v), want %d", newcomer.latest.Base, err, s.saved.Base)
			}
		})
	}
}

// TestOldGenerationReports has a member of a generation that was given up go on,
// and report it: what it reports counts for the next one.
func TestOldGenerationReports(t *testing.T) {
	s, n := alone(t, 5)
	if _, err := s.g.NewGeneration(s.now, true); err != nil {
		t.Fatal(err)
	}
	s.settle()
	isolated := s.saved.Base + 1000 // it has gone on for long
	if err := s.g.Heartbeat(s.now, n.from(), Report{View: n.view, Figures: Figures{Position: isolated}}); !errors.Is(err, ErrOtherGeneration) {
		t.Fatalf("a heartbeat of a generation that was given up: %v", err)
	}
	s.settle()
	if s.saved.Floor < isolated+Room {
		t.Errorf("the floor is %d after a report of %d", s.saved.Floor, isolated)
	}
	other := n.from()
	other.Group++
	if err := s.g.Heartbeat(s.now, other, Report{Figures: Figures{Position: 1 << 60}}); !errors.Is(err, ErrOtherGroup) || s.g.state.Floor >= 1<<60 {
		t.Errorf("a report of another group: %v, the floor is %d", err, s.g.state.Floor)
	}
}

// TestFloorIsSavedRarely holds that heartbeats do not write to disk, but once in a
// thousand million commands.
func TestFloorIsSavedRarely(t *testing.T) {
	s, n := alone(t, 0)
	saves := 0
	const each = 1 << 20
	for position := uint64(0); position < 4*floorStep; position += each {
		if err := s.g.Heartbeat(s.now, n.from(), Report{View: n.view, Figures: Figures{Position: position}}); err != nil {
			t.Fatal(err)
		}
		if _, unsaved := s.g.Unsaved(); unsaved {
			saves++
			s.settle()
		}
		if s.saved.Floor < position+Room {
			t.Fatalf("position %d was reported, and the floor is %d", position, s.saved.Floor)
		}
	}
	if saves > 4 {
		t.Errorf("%d saves", saves)
	}
}

// TestFloorOfAnEarlierRelease goes on from a state without a floor.
func TestFloorOfAnEarlierRelease(t *testing.T) {
	s, _ := alone(t, 10)
	s.saved.Floor, s.saved.Base = 0, 0
	if err := s.saved.Validate(); err != nil {
		t.Fatal(err)
	}
	s.restart()
	if s.saved.Floor < Room {
		t.Errorf("the floor is %d", s.saved.Floor)
	}
}

// TestManyGenerations holds that versions stay numbers that a float can hold.
func TestManyGenerations(t *testing.T) {
	s := newSim(Settings{})
	s.saved = NewState(1, 1<<48, s.saved.Settings) // a group founded in 2028
	s.restart()
	for range 7000 {
		base := s.saved.Base
		if _, err := s.g.NewGeneration(s.now, true); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if s.saved.Base < base+Room {
			t.Fatalf("generation %d begins at %d, the one before it at %d", s.saved.Generation, s.saved.Base, base)
		}
	}
	if s.saved.Base >= 1<<53 {
		t.Errorf("generation %d begins at %d", s.saved.Generation, s.saved.Base)
	}
}

// TestNoPositionsLeft holds that a new generation which would begin too high is
// refused, whoever asks for it.
func TestNoPositionsLeft(t *testing.T) {
	s, n := alone(t, MaxPosition)
	if err := s.g.Heartbeat(s.now, n.from(), Report{View: n.view, Figures: Figures{Position: MaxPosition + 1}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a report beyond the highest position: %v", err)
	}
	before := s.saved
	if _, err := s.g.NewGeneration(s.now, true); !errors.Is(err, ErrExhausted) || !strings.Contains(err.Error(), "begin a new group") {
		t.Errorf("an operator's decision: %v", err)
	}
	if err := s.g.Leave(s.now, n.from(), true, ""); !errors.Is(err, ErrExhausted) {
		t.Errorf("the last member leaves: %v", err)
	}
	n.dead = true
	back, err := s.prove(Registration{ID: "a", ProvedDead: n.inc})
	if err != nil {
		t.Fatal(err)
	}
	s.run(time.Second)
	if s.saved.Generation != before.Generation || s.saved.Base != before.Base {
		t.Errorf("generation %d begins at %d", s.saved.Generation, s.saved.Base)
	}
	if err := s.saved.Validate(); err != nil {
		t.Error(err)
	}
	d, err := s.g.Directive(back.from(), 0)
	if err != nil || !strings.Contains(d.Reason, "positions are used up") {
		t.Errorf("the joiner is told %q, %v", d.Reason, err)
	}
	if out := s.out.String(); strings.Count(out, string(EventNoGeneration)) != 1 {
		t.Errorf("not said once:\n%s", out)
	}
}

// TestFoundersOfAnEarlierRelease has a generation begin with a node that begins at
// 0, whatever it is told: then all do, and the log says so.
func TestFoundersOfAnEarlierRelease(t *testing.T) {
	s, n := alone(t, 5)
	n.dead = true
	if _, err := s.prove(Registration{ID: "a", ProvedDead: n.inc, FeatureLevel: 1}); err != nil {
		t.Fatal(err)
	}
	if s.saved.Generation != 2 || s.saved.Base != 0 || !strings.Contains(s.out.String(), string(EventBaseIgnored)) {
		t.Errorf("generation %d begins at %d\n%s", s.saved.Generation, s.saved.Base, s.out.String())
	}
}
