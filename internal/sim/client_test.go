package sim

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Simulated clients do every write of the table.
func TestEveryWriteIsDrawn(t *testing.T) {
	w := newWorld(1, Options{})
	w.traits.keys, w.traits.txns = 2, 0.1
	c := newClient(w, 0, 1)
	drawn := make(map[wire.Op]bool)
	for range 1000 {
		drawn[c.command().Op] = true
	}
	for op := wire.Op(1); op.Valid(); op++ {
		if drawn[op] != op.IsWrite() {
			t.Errorf("client.go: that clients draw %s is %v", op, drawn[op])
		}
	}
}
