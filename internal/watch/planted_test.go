//go:build planted

package watch

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestPlantedSyncedEarly holds that the order of events shows a watch that is told too early
// that it has everything.
func TestPlantedSyncedEarly(t *testing.T) {
	planted.With(t, planted.SyncedEarly)
	if last := kinds(initialOfTwo(t)); last[len(last)-1] == wire.EventSynced {
		t.Fatal("the mistake did not show")
	}
	planted.Caught(t, planted.SyncedEarly, "EventSynced after the last EventInitial")
}
