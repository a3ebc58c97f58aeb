package cluster

import (
	"testing"

	"github.com/seed-8247e700/dsm/bench/fault"
)

// Each kind of fault is made in some way.
func TestEveryFaultIsMade(t *testing.T) {
	for _, kind := range fault.Kinds() {
		if strikes[fault.Kind(kind)] == nil {
			t.Errorf("strike.go does not make %s", kind)
		}
	}
	if len(strikes) != len(fault.Kinds()) {
		t.Errorf("strike.go makes %d kinds of faults, and there are %d", len(strikes), len(fault.Kinds()))
	}
}
