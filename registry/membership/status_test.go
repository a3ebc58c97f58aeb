package membership

import "testing"

// TestStatusHasFigures holds that what a node reports of itself is in the status.
func TestStatusHasFigures(t *testing.T) {
	s, n := alone(t, 1)
	want := Figures{Position: 2, Clients: 3, Queue: 4}
	s.beat(n, Report{View: n.view, Figures: want})
	if got := s.g.Status(s.now).Nodes[0].Figures; got != want {
		t.Errorf("figures %+v, want %+v", got, want)
	}
}
