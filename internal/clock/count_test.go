package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
)

// A counter that may be used counts at least as fast as it is said to.
func TestPace(t *testing.T) {
	var c clock.Clock
	if !c.Counts() {
		return // nobody uses it
	}
	// The counter is read before and after the clock: what it counts may only be
	// more.
	began, start := c.Count(), time.Now()
	passed := time.Duration(0)
	for passed < 10*time.Millisecond {
		passed = time.Since(start)
	}
	counted := c.Count() - began
	if least := passed.Seconds() * clock.LowestPerSecond; float64(counted) < least {
		t.Errorf("%d counted in %v, want %.0f at least", counted, passed, least)
	}
}

func TestVirtual(t *testing.T) {
	now := clock.Moment{Steady: time.Second, Wall: time.Minute}
	for _, counts := range []bool{false, true} {
		c := clock.Of(&clock.Virtual{Now: func() clock.Moment { return now }, Count: func() uint64 { return 7 }, Counts: counts})
		if c.Now() != now || c.Count() != 7 || c.Counts() != counts {
			t.Errorf("the clock shows %v, %d, %v", c.Now(), c.Count(), c.Counts())
		}
	}
}

// The machine's steady clock does not go back, and neither clock shows 0 or less, in
// a test's own time either.
func TestNow(t *testing.T) {
	shows := func(t *testing.T) {
		var c clock.Clock
		before := c.Now()
		for range 1000 {
			now := c.Now()
			if now.Steady < before.Steady || now.Steady <= 0 || now.Wall <= 0 || c.Steady() < now.Steady {
				t.Fatalf("%v comes after %v", now, before)
			}
			before = now
		}
	}
	shows(t)
	synctest.Test(t, shows)
}

func BenchmarkNow(b *testing.B) {
	var c clock.Clock
	b.Run("Count", func(b *testing.B) {
		for b.Loop() {
			c.Count()
		}
	})
	b.Run("time.Since", func(b *testing.B) {
		start := time.Now()
		for b.Loop() {
			time.Since(start)
		}
	})
	b.Run("Now", func(b *testing.B) {
		for b.Loop() {
			c.Now()
		}
	})
}
