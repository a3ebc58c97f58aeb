package session

import (
	"slices"
	"testing"
	"time"
)

const leastHead = 50 * time.Millisecond

// raceTest is a race under test.
type raceTest struct {
	*Race
	t *testing.T
}

// starts holds the server that is dialled next, and its head start, against what is
// wanted, and that no other is.
func (r raceTest) starts(index int, server string, wait time.Duration) {
	r.t.Helper()
	gotIndex, got, gotWait, ok := r.Start()
	if !ok || gotIndex != index || got != server || gotWait != wait || r.Server(index) != server {
		r.t.Fatalf("%d, %q after %v (%t), want %d, %q after %v", gotIndex, got, gotWait, ok, index, server, wait)
	}
	r.waits()
}

// waits holds that no server is dialled now.
func (r raceTest) waits() {
	r.t.Helper()
	if _, got, _, ok := r.Start(); ok {
		r.t.Fatalf("%q is dialled", got)
	}
	if r.Over() {
		r.t.Fatal("it is over")
	}
}

func (r raceTest) dialled(index int, relation Relation, want Fate, failed ...string) {
	r.t.Helper()
	if got, blamed := r.Dialled(index, relation); got != want || !slices.Equal(blamed, failed) {
		r.t.Fatalf("fate %d, %v failed, want %d and %v", got, blamed, want, failed)
	}
}

func startRace(t *testing.T, stays bool, first time.Duration, servers ...string) raceTest {
	t.Helper()
	r, wait := NewRace(servers, stays, leastHead)
	if wait != first {
		t.Fatalf("it waits %v, want %v", wait, first)
	}
	return raceTest{r, t}
}

// A server that hangs costs its head start, and each after it half as much.
func TestRaceAgainstThoseThatHang(t *testing.T) {
	r := startRace(t, true, HeadStart, "a", "b", "c", "d", "e", "f")
	for i, server := range []string{"a", "b", "c", "d", "e"} {
		r.starts(i, server, max(HeadStart>>i, leastHead))
		r.Slow()
	}
	if r.Pending() != 5 {
		t.Errorf("%d are pending", r.Pending())
	}
	r.starts(5, "f", leastHead)
	r.Slow()
	r.waits() // there is no other
	r.Found([]string{"f", "g"})
	r.starts(6, "g", leastHead) // whose turn it is
	r.dialled(3, Same, Won, "a", "b", "c")
}

// What fails is followed at once, with a head start as long as before.
func TestRaceAfterFailures(t *testing.T) {
	r := startRace(t, true, HeadStart, "a", "b", "c", "d")
	r.starts(0, "a", HeadStart)
	r.dialled(0, Unreached, Lame, "a")
	r.starts(1, "b", HeadStart)
	r.dialled(1, Older, Lame, "b")
	r.starts(2, "c", HeadStart)
	r.dialled(2, Other, Kept)
	r.starts(3, "d", HeadStart)
	r.dialled(3, Other, Lame, "d")
	if r.Over() {
		t.Error("it is over before the search is")
	}
	r.Searched(nil)
	if index, ok := r.Last(); !ok || index != 2 || !r.Over() {
		t.Errorf("%d is taken in the end (%t)", index, ok)
	}
}

func TestRaceIsWonByANewerGeneration(t *testing.T) {
	r := startRace(t, true, HeadStart, "a")
	r.starts(0, "a", HeadStart)
	r.dialled(0, Newer, Won)
	if _, ok := r.Last(); ok {
		t.Error("nothing was kept")
	}
	r = startRace(t, true, HeadStart, "a")
	r.starts(0, "a", HeadStart)
	r.dialled(0, Other, Kept)
	if index, ok := r.Last(); !ok || index != 0 {
		t.Errorf("%d is taken in the end (%t)", index, ok)
	}
}

// A client that stays with no server gives the search a moment.
func TestRaceWaitsForTheSearch(t *testing.T) {
	r := startRace(t, false, ResolutionDelay, "a", "b")
	r.waits()
	r.Slow()
	r.starts(0, "a", HeadStart) // not halved: nothing is pending
	r = startRace(t, false, ResolutionDelay, "a", "b")
	r.Found([]string{"b", "a"})
	r.waits() // nothing new
	r.Found([]string{"c", "a"})
	r.starts(0, "c", HeadStart)
	r.Found([]string{"d", "c"})
	r.waits() // c has its head start
	r.dialled(0, Unreached, Lame, "c")
	r.starts(1, "d", HeadStart)
	r.Found([]string{"c", "e"}) // d is gone
	r.starts(2, "e", HeadStart)
	r.Found([]string{"e", "c"})
	r.waits()
	startRace(t, false, HeadStart) // nothing that could wait
}

// Once the search is over there is nothing to wait for but those that have their head
// start.
func TestRaceAfterTheSearch(t *testing.T) {
	r := startRace(t, false, ResolutionDelay, "a", "b")
	r.Searched([]string{"b", "a"})
	r.starts(0, "b", HeadStart)

	r = startRace(t, false, ResolutionDelay, "a", "b")
	r.NotFound()
	r.waits()
	r.Searched([]string{"x"}) // of no account: the search has failed
	if r.Over() {
		t.Error("it is over, and a server was not tried")
	}
	r.starts(0, "a", HeadStart)

	r = startRace(t, true, HeadStart, "a", "b")
	r.starts(0, "a", HeadStart)
	r.NotFound()
	r.Searched(nil)
	r.waits() // a has its head start
	r.dialled(0, Unreached, Lame, "a")
	r.starts(1, "b", HeadStart)
	r.dialled(1, Unreached, Lame, "b")
	if !r.Over() {
		t.Error("it is not over")
	}

	r = startRace(t, true, HeadStart)
	r.NotFound()
	r.Found([]string{"a"}) // by the rest of the search
	r.starts(0, "a", HeadStart)
	r.Slow()
	r.Searched(nil)
	if r.Over() {
		t.Error("it is over, and a server is pending")
	}
}

// A client without a choice says nothing against the server.
func TestRaceWithoutAChoice(t *testing.T) {
	for _, relation := range []Relation{Unreached, Older, Other} {
		one, wait := NewDial("a")
		r := raceTest{one, t}
		if wait != HeadStart {
			t.Errorf("it waits %v", wait)
		}
		r.starts(0, "a", HeadStart)
		r.dialled(0, relation, Lame)
		if _, ok := r.Last(); ok || !r.Over() {
			t.Error("something else is taken")
		}
	}
}
