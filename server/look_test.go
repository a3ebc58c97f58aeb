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
