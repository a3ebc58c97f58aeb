package membership

import (
	"encoding/json"
	"testing"
	"time"
)

// TestStateStaysSmall holds that what must be saved does not grow with the number
// of view changes.
func TestStateStaysSmall(t *testing.T) {
	s := newSim(Settings{})
	first, err := s.register(Registration{ID: "first"})
	if err != nil {
		t.Fatal(err)
	}
	size, least, most := 0, 0, 0
	for i := range 1500 {
		if _, err := s.register(Registration{ID: "second"}); err != nil {
			t.Fatal(err)
		}
		s.run(50 * time.Millisecond) // it joins
		record, err := json.Marshal(s.saved)
		if err != nil {
			t.Fatal(err)
		}
		if size = len(record); i == 0 {
			least = size
		}
		most = max(most, size)
		if err := s.g.Leave(s.now, s.node("second").from(), false, "again"); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.run(20 * time.Millisecond) // it is gone
		s.out.Reset()
		s.nodes = s.nodes[:1]
	}
	if view := s.saved.NextView; view < 3000 || first.view != view-1 {
		t.Fatalf("%d views were tried, the first member is in view %d", view-1, first.view)
	}
	// Counters have a few digits more in the end.
	if most > least+50 {
		t.Errorf("the state has %d bytes after a view change, %d after 3,000", least, most)
	}
}

// TestOneViewBehind has a member miss the commit of a view: it is told that one,
// and goes on.
func TestOneViewBehind(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"a", "b", "c"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
		s.run(time.Second)
	}
	b := s.node("b")
	before := b.view
	if _, err := s.register(Registration{ID: "d"}); err != nil {
		t.Fatal(err)
	}
	for s.saved.Attempt == nil || b.wedged != s.saved.Attempt.View.ID {
		s.now += s.pace
		s.step()
	}
	b.mute = true // it has acknowledged the cut, and hears nothing more
	for s.saved.Attempt != nil {
		s.now += s.pace
		s.step()
	}
	b.mute = false
	if b.view != before {
		t.Fatalf("it is in view %d already", b.view)
	}
	d, err := s.g.Directive(b.from(), b.view)
	if err != nil || len(d.Views) != 1 || d.Views[0].Prev != before {
		t.Fatalf("it is told %v (%v), want the view after %d", d.Views, err, before)
	}
	s.run(time.Second)
	if b.excluded || b.view == before || !s.saved.Views[0].Has(b.inc) {
		t.Errorf("excluded %v, in view %d; %s", b.excluded, b.view, s.members())
	}
}
