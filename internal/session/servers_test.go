package session

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestBinding(t *testing.T) {
	of := func(group, generation uint64) Binding { return Binding{group, generation} }
	bound := of(7, 3)
	for server, want := range map[Binding]Relation{of(7, 3): Same, of(7, 4): Newer, of(7, 2): Older, of(8, 3): Other, of(6, 9): Other} {
		if got := bound.Compare(server); got != want {
			t.Errorf("%v: %d, want %d", server, got, want)
		}
	}
	if got := (*Binding)(nil).Compare(bound); got != Same {
		t.Errorf("a client that is bound to nothing: %d", got)
	}
}

// sorted holds the order in which servers are tried against what is wanted.
func sorted(t *testing.T, s *Servers, now time.Time, want ...string) {
	t.Helper()
	got := []string{"a", "b", "c", "d"}
	s.Sort(got, now)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestServersAreTriedInOrder(t *testing.T) {
	var s Servers
	now := time.Unix(1000, 0)
	sorted(t, &s, now, "a", "b", "c", "d")
	s.Failed("b", 4, now, 0.5)
	s.Failed("a", 4, now.Add(time.Millisecond), 0.5)
	sorted(t, &s, now, "c", "d", "b", "a") // the one that failed the longest ago first
	s.Chosen("a")
	if !s.Stays() {
		t.Error("it stays with no server")
	}
	sorted(t, &s, now, "a", "c", "d", "b")
	s.Chosen("d")
	sorted(t, &s, now, "d", "c", "b", "a")
	s.Failed("c", 4, now, 0.5)
	if !s.Stays() {
		t.Error("the failure of another server makes it leave its own")
	}
	s.Failed("d", 4, now, 0.5)
	if s.Stays() {
		t.Error("it stays with a server that failed")
	}
	sorted(t, &s, now, "b", "a", "c", "d")
	sorted(t, &s, now.Add(firstPenalty), "b", "c", "d", "a") // a failed a moment later
	sorted(t, &s, now.Add(time.Hour), "a", "b", "c", "d")
}

func TestPenalty(t *testing.T) {
	for _, random := range []float64{0, 0.5, 0.999} {
		var s Servers
		now := time.Unix(1000, 0)
		lasts := func(want time.Duration) {
			t.Helper()
			p := s.penalties["b"].until.Sub(now)
			if want = want/2 + time.Duration(random*float64(want)); p != want {
				t.Errorf("a penalty of %v, want %v", p, want)
			}
			if s.penalty("b", now.Add(p-1)) == 0 || s.penalty("b", now.Add(p)) != 0 {
				t.Error("it is another penalty that counts")
			}
		}
		for n := range 9 {
			s.Failed("b", 4, now, random)
			lasts(min(firstPenalty<<n, lastPenalty))
			now = s.penalties["b"].until.Add(lastPenalty) // not long ago
		}
		for range 5 {
			s.Failed("b", 4, now, random)
		}
		lasts(lastPenalty)
		now = s.penalties["b"].until.Add(lastPenalty + 1)
		s.Failed("b", 4, now, random)
		lasts(firstPenalty)
	}
}

// What is remembered of servers that are gone does not pile up.
func TestServersForget(t *testing.T) {
	var s Servers
	now := time.Unix(1000, 0)
	for n := range 2*4 + 16 {
		s.Failed(fmt.Sprint(n), 4, now, 0.5)
	}
	if len(s.penalties) != 24 {
		t.Errorf("%d are remembered", len(s.penalties))
	}
	s.Failed("one more", 4, now, 0.5)
	if len(s.penalties) != 1 || s.penalty("one more", now) != 25 {
		t.Errorf("%d are remembered, the last failure is the %dth", len(s.penalties), s.penalty("one more", now))
	}
}
