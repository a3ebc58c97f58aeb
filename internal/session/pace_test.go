package session

import (
	"testing"
	"time"
)

// What fails in a row is followed later and later; the first failure of a
// connection that did well is followed at once.
func TestPace(t *testing.T) {
	var p Pace
	now := time.Unix(1000, 0)
	for i, want := range []time.Duration{0, 5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		p.Lost(now, time.Millisecond, 0.5)
		if wait := p.Wait(now); wait != want*time.Millisecond {
			t.Errorf("after failure %d: %v, want %d ms", i+1, wait, want)
		}
	}
	now = now.Add(p.Wait(now))
	p.Lost(now, lasting, 0.5)
	if p.Wait(now) != 0 {
		t.Errorf("after a connection that did well: %v", p.Wait(now))
	}
	for i, want := range []time.Duration{10, 20, 40} {
		p.Refused(now, 0.5)
		if wait := p.Wait(now); wait != want*time.Millisecond {
			t.Errorf("after refusal %d: %v, want %d ms", i+1, wait, want)
		}
	}
}
