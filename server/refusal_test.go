package server

import (
	"encoding/json"
	"errors"
	"testing"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// A node that is in no view, or leaves it, tells how it is, to those who accept what
// is stale.
func TestRefusalTellsStatus(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	n := g.nodes["n1"]
	r := n.current.Load()
	r.leaving.Store(true)
	dial := func(stale bool) *driverside.RefusedError {
		_, err := driverside.Dial(t.Context(), n.Addr(), driverside.Options{Stale: stale})
		var refused *driverside.RefusedError
		if !errors.As(err, &refused) || refused.Status != wire.StatusUnavailable {
			t.Fatalf("stale %v: %v", stale, err)
		}
		return refused
	}
	var s Status
	if err := json.Unmarshal(dial(true).Extra, &s); err != nil || s.ID != "n1" || s.Phase != "normal" || s.View == 0 || len(s.Members) != 0 {
		t.Errorf("it tells %+v, %v", s, err)
	}
	if extra := dial(false).Extra; extra != nil {
		t.Errorf("it tells others %s", extra)
	}
	r.leaving.Store(false)
}
