package cycles_test

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/cycles"
)

// A counter that may be used counts at least as fast as it is said to.
func TestPace(t *testing.T) {
	if !cycles.Steady() {
		return // nobody uses it
	}
	// The counter is read before and after the clock: what it counts may only be
	// more.
	began, start := cycles.Now(), time.Now()
	passed := time.Duration(0)
	for passed < 10*time.Millisecond {
		passed = time.Since(start)
	}
	counted := cycles.Now() - began
	if least := passed.Seconds() * cycles.LowestPerSecond; float64(counted) < least {
		t.Errorf("%d counted in %v, want %.0f at least", counted, passed, least)
	}
}

func BenchmarkNow(b *testing.B) {
	b.Run("cycles", func(b *testing.B) {
		for b.Loop() {
			cycles.Now()
		}
	})
	b.Run("time.Since", func(b *testing.B) {
		start := time.Now()
		for b.Loop() {
			time.Since(start)
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			time.Now()
		}
	})
}
