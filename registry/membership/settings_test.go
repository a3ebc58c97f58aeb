package membership

import (
	"errors"
	"testing"
	"time"
)

func TestSettingsOver(t *testing.T) {
	base := DefaultSettings()
	if err := base.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := (Settings{}).Over(base); got != base {
		t.Errorf("nothing given: %+v", got)
	}
	got := Settings{Detection: 400 * time.Millisecond}.Over(base)
	if got.Heartbeat != 50*time.Millisecond || got.AttemptTimeout != 400*time.Millisecond {
		t.Errorf("what followed the detection time does not any more: %+v", got)
	}
	got = Settings{Heartbeat: 100 * time.Millisecond}.Over(base)
	got = Settings{Detection: time.Second}.Over(got)
	if got.Heartbeat != 100*time.Millisecond {
		t.Errorf("a heartbeat that was given follows the detection time: %+v", got)
	}
}

// TestStateValidate breaks a good state in many ways.
func TestStateValidate(t *testing.T) {
	a := Member{ID: "a", Incarnation: 1}
	b := Member{ID: "b", Incarnation: 2}
	for name, spoil := range map[string]func(*State){
		"no group":              func(s *State) { s.Group = 0 },
		"bad settings":          func(s *State) { s.Settings.Detection = 0 },
		"broken chain":          func(s *State) { s.Views[1].Prev = 0 },
		"view beyond counter":   func(s *State) { s.NextView = 2 },
		"member beyond counter": func(s *State) { s.NextIncarnation = 2 },
		"empty view":            func(s *State) { s.Views[1].Members = nil },
		"an id twice":           func(s *State) { s.Views[1].Members = []Member{a, {ID: "a", Incarnation: 2}} },
		"attempt off the view":  func(s *State) { s.Attempt.View.Prev = 1 },
		"leader is a joiner":    func(s *State) { s.Attempt.Leader = 9 },
	} {
		s := NewState(1, 0, DefaultSettings())
		s.NextView, s.NextIncarnation = 4, 3
		s.Views = []View{{ID: 1, Members: []Member{a}}, {ID: 2, Prev: 1, Members: []Member{a, b}}}
		s.Attempt = &Attempt{View: View{ID: 3, Prev: 2, Members: []Member{b}}, Leader: 2}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&s)
		if err := s.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
