package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
)

// A look at the clocks counts for as long as it may, and only if the lease was far
// from its end.
func TestLook(t *testing.T) {
	if longest := time.Second * lookCycles / clock.LowestPerSecond; leastLeft < 10*longest {
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
	l.forget()
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
	l.forget()
	expect("forgotten", at+3, false)
	if l.at.Load() != 0 {
		t.Errorf("it keeps %d", l.at.Load())
	}
}
