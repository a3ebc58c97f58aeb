package membership

import (
	"errors"
	"reflect"
	"strconv"
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

// Every field that is given is taken, and no other.
func TestSettingsOverEach(t *testing.T) {
	base := DefaultSettings()
	all := Settings{
		Delivery: Agreed, MinMembers: 3, Detection: 3 * time.Second, Heartbeat: 100 * time.Millisecond, AttemptTimeout: 5 * time.Second,
		SessionTTL: 7 * time.Second, Tick: 2 * time.Second, Audit: 9 * time.Second,
		QuotaBytes: 1000, QuotaVariables: NoQuota,
	}
	if got := all.Over(base); got != all {
		t.Errorf("all are given: %+v", got)
	}
	given, n := reflect.ValueOf(all), reflect.TypeFor[Settings]().NumField()
	for i := range n {
		var one Settings
		want := base
		reflect.ValueOf(&one).Elem().Field(i).Set(given.Field(i))
		reflect.ValueOf(&want).Elem().Field(i).Set(given.Field(i))
		if one.Detection != 0 {
			want.Heartbeat, want.AttemptTimeout = heartbeatFor(one.Detection), one.Detection
		}
		if got := one.Over(base); got != want {
			t.Errorf("%s is given: %+v", reflect.TypeFor[Settings]().Field(i).Name, got)
		}
	}
	kept := Settings{AttemptTimeout: 5 * time.Second}.Over(base)
	if got := (Settings{Detection: time.Second}).Over(kept); got.AttemptTimeout != 5*time.Second {
		t.Errorf("an attempt timeout that was given follows the detection time: %+v", got)
	}
}

// A time is allowed up to its bounds, and in whole milliseconds.
func TestSettingsBounds(t *testing.T) {
	const day = 24 * time.Hour
	set := func(name string, s *Settings) *time.Duration {
		return map[string]*time.Duration{
			"detection": &s.Detection, "heartbeat": &s.Heartbeat, "attempt": &s.AttemptTimeout, "session": &s.SessionTTL, "tick": &s.Tick, "audit": &s.Audit,
		}[name]
	}
	for name, bounds := range map[string][2]time.Duration{
		"detection": {200 * time.Millisecond, time.Hour}, "heartbeat": {time.Millisecond, 700 * time.Millisecond},
		"attempt": {40 * time.Millisecond, time.Hour}, "session": {100 * time.Millisecond, 30 * day},
		"tick": {10 * time.Millisecond, time.Minute}, "audit": {100 * time.Millisecond, 30 * day},
	} {
		for value, ok := range map[time.Duration]bool{
			bounds[0]: true, bounds[1]: true, bounds[0] - time.Millisecond: false, bounds[1] + time.Millisecond: false, bounds[0] + time.Microsecond: false,
		} {
			s := DefaultSettings()
			s.Detection, s.Heartbeat, s.AttemptTimeout, s.SessionTTL, s.Tick = 2100*time.Millisecond, 20*time.Millisecond, 2*time.Second, time.Minute, 100*time.Millisecond
			*set(name, &s) = value
			if err := s.Validate(); (err == nil) != ok {
				t.Errorf("%s %v: %v", name, value, err)
			}
		}
	}
	for value, ok := range map[int]bool{0: false, 1: true, MaxNodes: true, MaxNodes + 1: false} {
		s := DefaultSettings()
		s.MinMembers = value
		if err := s.Validate(); (err == nil) != ok {
			t.Errorf("%d members at least: %v", value, err)
		}
	}
	s := DefaultSettings()
	if s.Delivery = "sometimes"; s.Validate() == nil {
		t.Error("another delivery level is allowed")
	}
}

// crowd returns n members.
func crowd(n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{ID: strconv.Itoa(i), Incarnation: uint64(i) + 1}
	}
	return members
}

// What is just allowed is.
func TestStateValidateBounds(t *testing.T) {
	for name, change := range map[string]func(*State){
		"as it is":            func(*State) {},
		"the highest base":    func(s *State) { s.Base = MaxPosition },
		"the highest floor":   func(s *State) { s.Floor = MaxPosition + Room + floorStep },
		"a floor at the base": func(s *State) { s.Base, s.Floor = 9, 9 },
		"as many members": func(s *State) {
			s.Views, s.NextView, s.NextIncarnation = []View{{ID: 1, Members: crowd(MaxNodes)}}, 2, MaxNodes+1
		},
	} {
		s := NewState(1, 0, DefaultSettings())
		if change(&s); s.Validate() != nil {
			t.Errorf("%s: %v", name, s.Validate())
		}
	}
}

// TestStateValidate breaks a good state in many ways.
func TestStateValidate(t *testing.T) {
	a := Member{ID: "a", Incarnation: 1}
	b := Member{ID: "b", Incarnation: 2}
	for name, spoil := range map[string]func(*State){
		"no group":                    func(s *State) { s.Group = 0 },
		"bad settings":                func(s *State) { s.Settings.Detection = 0 },
		"broken chain":                func(s *State) { s.Views[1].Prev = 0 },
		"view beyond counter":         func(s *State) { s.NextView = 2 },
		"member beyond counter":       func(s *State) { s.NextIncarnation = 2 },
		"empty view":                  func(s *State) { s.Views[1].Members = nil },
		"empty view alone":            func(s *State) { s.Views[1].Members, s.Attempt = nil, nil },
		"an id twice":                 func(s *State) { s.Views[1].Members = []Member{a, {ID: "a", Incarnation: 2}} },
		"attempt off the view":        func(s *State) { s.Attempt.View.Prev = 1 },
		"leader is a joiner":          func(s *State) { s.Attempt.Leader = 9 },
		"leader is left out":          func(s *State) { s.Attempt.Leader = 1 },
		"leader was no member":        func(s *State) { s.Views = []View{{ID: 2, Members: []Member{a}}} },
		"attempt on nothing":          func(s *State) { s.Views = nil },
		"attempt on a view of nobody": func(s *State) { s.Views, s.Attempt.View.Prev = nil, 0 },
		"attempt of nobody":           func(s *State) { s.Attempt.View.ID = 4 },
		"no generation":               func(s *State) { s.Generation = 0 },
		"no view counter":             func(s *State) { s.NextView, s.Views, s.Attempt = 0, nil, nil },
		"no member counter":           func(s *State) { s.NextIncarnation, s.Views, s.Attempt = 0, nil, nil },
		"base too high":               func(s *State) { s.Base = MaxPosition + 1 },
		"floor too high":              func(s *State) { s.Floor = MaxPosition + Room + floorStep + 1 },
		"floor below the base":        func(s *State) { s.Base, s.Floor = 9, 8 },
		"view without an id":          func(s *State) { s.Views[0].ID, s.Views[1].Prev = 0, 0 },
		"view before itself":          func(s *State) { s.Views[0].Prev = 1 },
		"too many members":            func(s *State) { s.Views[0].Members = crowd(MaxNodes + 1); s.NextIncarnation = 1 << 20 },
		"no incarnation":              func(s *State) { s.Views[0].Members = []Member{{ID: "a"}} },
		"of the next":                 func(s *State) { s.Views[0].Members = []Member{{ID: "a", Incarnation: 3}} },
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
