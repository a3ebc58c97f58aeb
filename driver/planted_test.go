//go:build planted

package driver

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlantedUpdates holds that updates under faults show a function that sees two states, and
// one that runs again although its commit may have been executed.
func TestPlantedUpdates(t *testing.T) {
	for bug, problem := range map[planted.Bug]string{
		planted.SnapshotTwoPositions: "sees a sum of",
		planted.UpdateRenumbered:     "was executed 2 times",
	} {
		t.Run(bug.String(), func(t *testing.T) {
			planted.With(t, bug)
			for seed := range uint64(60) {
				caught := ""
				synctest.Test(t, func(t *testing.T) {
					for _, p := range updatesUnderFaults(t, seed) {
						if strings.Contains(p, problem) {
							caught = p
						}
					}
				})
				if caught != "" {
					planted.Caught(t, bug, "updates under faults: "+caught)
					return
				}
			}
			t.Error("no run has shown it")
		})
	}
}
