package membership

import (
	"reflect"
	"testing"
	"time"
)

// Directives are the same if nothing that a node acts on differs.
func TestSame(t *testing.T) {
	directive := func() *Directive {
		members := []Member{{ID: "a", Incarnation: 1, PeerAddr: "a:1"}, {ID: "b", Incarnation: 2, PeerAddr: "b:1"}}
		return &Directive{
			Group: 1, Generation: 2, Base: 3, Revision: 4, Reason: "waits",
			Views: []View{{ID: 5, Prev: 4, FeatureLevel: 1, Members: members}}, Attempt: &Attempt{View: View{ID: 6, Prev: 5, Members: members}, Leader: 1},
			Settings: Settings{Detection: time.Second}, Joining: members[1:], Keys: map[uint64]Key{1: {1}},
		}
	}
	for name, tc := range map[string]struct {
		change func(d *Directive)
		same   bool
	}{
		"nothing":               {func(*Directive) {}, true},
		"revision":              {func(d *Directive) { d.Revision++ }, true},
		"reason":                {func(d *Directive) { d.Reason = "waits for another" }, true},
		"group":                 {func(d *Directive) { d.Group++ }, false},
		"generation":            {func(d *Directive) { d.Generation++ }, false},
		"base":                  {func(d *Directive) { d.Base++ }, false},
		"excluded":              {func(d *Directive) { d.Excluded = true }, false},
		"settings":              {func(d *Directive) { d.Settings.Audit = 1 }, false},
		"joining":               {func(d *Directive) { d.Joining = nil }, false},
		"ease":                  {func(d *Directive) { d.Ease = true }, false},
		"keys":                  {func(d *Directive) { d.Keys[1] = Key{2} }, false},
		"pace":                  {func(d *Directive) { d.Pace = 1 }, false},
		"no view":               {func(d *Directive) { d.Views = nil }, false},
		"view id":               {func(d *Directive) { d.Views[0].ID++ }, false},
		"view before":           {func(d *Directive) { d.Views[0].Prev++ }, false},
		"feature level":         {func(d *Directive) { d.Views[0].FeatureLevel++ }, false},
		"member":                {func(d *Directive) { d.Views[0].Members[1].PeerAddr = "c:1" }, false},
		"no attempt":            {func(d *Directive) { d.Attempt = nil }, false},
		"leader":                {func(d *Directive) { d.Attempt.Leader++ }, false},
		"attempt's view":        {func(d *Directive) { d.Attempt.View.ID++ }, false},
		"attempt's members":     {func(d *Directive) { d.Attempt.View.Members = d.Attempt.View.Members[:1] }, false},
		"an equal attempt anew": {func(d *Directive) { a := *d.Attempt; d.Attempt = &a }, true},
	} {
		d, e := directive(), directive()
		if tc.change(e); d.Same(e) != tc.same || e.Same(d) != tc.same {
			t.Errorf("%s: the same is %v", name, d.Same(e))
		}
	}
	if !new(Directive).Same(new(Directive)) {
		t.Error("two that say nothing differ")
	}
	// Whoever adds a field says here whether a node acts on it.
	if n := reflect.TypeFor[Directive]().NumField(); n != 13 {
		t.Errorf("a directive has %d fields", n)
	}
	if n := reflect.TypeFor[View]().NumField(); n != 4 {
		t.Errorf("a view has %d fields", n)
	}
}
