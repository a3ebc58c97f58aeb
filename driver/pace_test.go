package driver

import (
	"testing"
	"time"
)

// What fails in a row is followed later and later; the first failure of a
// connection that did well is followed at once.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	for i, want := range []time.Duration{0, 5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		p.lost(now, time.Millisecond, 0.5)
		if wait := max(p.until.Sub(now), 0); wait != want*time.Millisecond {
			t.Errorf("after failure %d: %v, want %d ms", i+1, wait, want)
		}
	}
	now = p.until
	p.lost(now, lasting, 0.5)
	if p.until.After(now) {
		t.Errorf("after a connection that did well: %v", p.until.Sub(now))
	}
	for i, want := range []time.Duration{10, 20, 40} {
		p.refused(now, 0.5)
		if wait := p.until.Sub(now); wait != want*time.Millisecond {
			t.Errorf("after refusal %d: %v, want %d ms", i+1, wait, want)
		}
	}
}
