package sim

import (
	"testing"
	"time"
)

// TestNotLate runs groups without faults, whose clocks agree. No variable expires more than
// 50 ms, and what it takes to order a tick, after its time, also while nodes join.
func TestNotLate(t *testing.T) {
	expiries := 0
	for seed := range uint64(2 * metamorphicSeeds) {
		w := newWorld(seed, Options{Without: Faults(1<<faultKinds - 1)})
		w.traits.ttls, w.traits.drift, w.traits.spikes, w.traits.spike = 0.3, 0, 0, 0
		w.traits.old, w.traits.agreed = 0, false
		if r := w.run(); r.Violation != "" {
			t.Fatalf("seed %d: %s", seed, r.Violation)
		}
		for _, e := range w.order(w.registry.disk.Generation).expiries {
			expiries++
			if by := time.Duration(e.End - e.Start); by > late+w.traits.carries() {
				t.Errorf("seed %d: %q expires %v late, at %v", seed, e.Key, by, time.Duration(e.End))
			}
		}
	}
	if expiries == 0 {
		t.Error("nothing expires")
	}
	t.Logf("%d variables expired", expiries)
}
