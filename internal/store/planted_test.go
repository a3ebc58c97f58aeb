//go:build planted

package store

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestPlantedReadMissInstalls holds that the comparison of reads with the
// commands in the order sees a value that no command wrote.
func TestPlantedReadMissInstalls(t *testing.T) {
	planted.With(t, planted.ReadMissInstalls)
	f := newFeeder(t, Limits{})
	session := f.open()
	f.s.Get("k")
	if _, version, _ := f.s.Get("k"); version == 0 {
		t.Error("the mistake did not show in a read")
	}
	create := wire.Command{Op: wire.OpCompareAndSet, Session: session, Seq: 1, Key: "k"}
	if r, _ := f.apply(create); r.Status == wire.StatusOK {
		t.Error("the mistake did not show in a result")
	}
	planted.Caught(t, planted.ReadMissInstalls, "reads and results beside the commands in the order")
}
