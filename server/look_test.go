package server

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/cycles"
)

// A look at the clocks counts for as long as it may, and only if the lease was far
// from its end.
func TestLook(t *testing.T) {
	if longest := time.Second * lookCycles / cycles.LowestPerSecond; leastLeft < 10*longest {
		t.Errorf("a look counts for up to %v, and a lease may end %v after it", longest, leastLeft)
	}
	const at = 1 << 40
	var l look
	expect := func(what string, count uint64, want bool) {
		t.Helper()
		if l.holds(count) != want {
			t.Errorf("%s: it holds: %v", what, !want)
		}
	}
	expect("no look", 0, false)
	expect("no look", at, false)
	l.took(at, leastLeft+1)
	expect("at once", at, true)
	expect("just in time", at+lookCycles-1, true)
	expect("too late", at+lookCycles, false)
	expect("the counter was set back", at-1, false)
	expect("the counter has begun anew", 5, false)
	l.took(at+1, leastLeft)
	expect("after a look that found the lease near its end", at+2, false)
	l.took(at+2, leastLeft+1)
	expect("after another look", at+3, true)
}

// However a lease ends, the look before does not outlive it.
func TestLookAtALease(t *testing.T) {
	var l leases
	end := func(left time.Duration) {
		now := rightNow()
		setIfNew(&l.until.steady, now.steady+left)
		setIfNew(&l.until.wall, now.wall+left)
	}
	if l.last(cycles.Now()) {
		t.Error("there is no lease")
	}
	end(time.Hour)
	count := cycles.Now()
	if !l.last(count) || l.look.holds(count) != cycles.Steady() {
		t.Error("there is a lease, and a look at it counts if there is a counter")
	}
	now := rightNow()
	setIfNew(&l.until.wall, now.wall)
	if l.last(cycles.Now()) || l.look.holds(cycles.Now()) {
		t.Error("by the clock on the wall the lease has run out")
	}
	end(time.Hour)
	setIfNew(&l.until.steady, now.steady)
	if l.last(cycles.Now()) || l.look.holds(cycles.Now()) {
		t.Error("by the steady clock the lease has run out")
	}
}

// A step of the clock on the wall moves the lease by it; what lies between two looks is
// none.
func TestClockOnTheWallSetBack(t *testing.T) {
	const s = time.Second
	var l leases
	l.wall.Time = 10 * s
	l.compare(moment{steady: 100 * s, wall: 100 * s})
	l.wall.Vouched(100*s, 100*s)
	for _, step := range []struct {
		now   moment
		until time.Duration
	}{
		{moment{steady: 101 * s, wall: 101*s - time.Microsecond}, 110 * s},
		{moment{steady: 102 * s, wall: 42 * s}, 50 * s}, // set back by a minute
		{moment{steady: 103 * s, wall: 43*s + time.Millisecond}, 50 * s},
		{moment{steady: 104 * s, wall: 104 * s}, 50 * s}, // and forward again
	} {
		l.compare(step.now)
		if until := l.wall.Until().Round(100 * time.Millisecond); until != step.until {
			t.Errorf("at %+v: until %v, want %v", step.now, until, step.until)
		}
	}
}

// A reader that finds the lease in doubt has the members asked, once.
func TestReaderDoubtsTheLease(t *testing.T) {
	l := leases{doubts: make(chan struct{}, 1)}
	now := rightNow()
	setIfNew(&l.until.wall, now.wall)
	if l.last(cycles.Now()) || len(l.doubts) != 0 {
		t.Error("a lease that has run out by both clocks is in doubt")
	}
	setIfNew(&l.until.steady, now.steady+time.Hour)
	for range 3 {
		if l.last(cycles.Now()) {
			t.Error("the lease lasts")
		}
	}
	if len(l.doubts) != 1 {
		t.Errorf("%d times in doubt", len(l.doubts))
	}
	<-l.doubts
	if l.last(cycles.Now()); len(l.doubts) != 0 {
		t.Error("in doubt again")
	}
}
