//go:build planted

package session

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlantedTornPositionTaken has the changes of a position come twice, if the first of them
// were there when the connection broke.
func TestPlantedTornPositionTaken(t *testing.T) {
	planted.Property(t, planted.TornPositionTaken, "the events of broken connections", checkEvents)
}
