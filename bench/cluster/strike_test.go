package cluster

import (
	"fmt"
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

// Each way of a link is slowed by itself; those of a port share it.
func TestWaysOf(t *testing.T) {
	for text, want := range map[string]string{
		"cut:n1-n2@1s+1s":         "[[{n1 n2}] [{n2 n1}]]",
		"slow:n1>n2@1s+1s=1MiB/s": "[[{n1 n2}]]",
		"slow:n2@1s+1s=1MiB/s":    "[[{n2 n1} {n2 n3} {n2 registry}] [{n1 n2} {n3 n2} {registry n2}]]",
		"slow@1s+1s=1MiB/s":       "[[{n2 n1}] [{n1 n2}] [{n3 n1}] [{n1 n3}] [{n3 n2}] [{n2 n3}]]",
	} {
		s, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(waysOf(&s[0], 3)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
