package server

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// A node that is in no view, or leaves it, tells how it is, to those who accept what
// is stale.
func TestRefusalTellsStatus(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var s leaveScript
	g.start("n1", s.before)
	n := g.nodes["n1"]
	r := n.current.Load()
	s.script(slices.Repeat([]error{registry.ErrDegraded}, 1000)...)
	r.do(func(m *member.Member) { m.Leave(false) })
	dial := func(stale bool) *driverside.RefusedError {
		_, err := driverside.Dial(t.Context(), n.Addr(), driverside.Options{Stale: stale})
		var refused *driverside.RefusedError
		if !errors.As(err, &refused) || refused.Status != wire.StatusUnavailable {
			t.Fatalf("stale %v: %v", stale, err)
		}
		return refused
	}
	var status Status
	if err := json.Unmarshal(dial(true).Extra, &status); err != nil || status.ID != "n1" || status.Phase != "normal" || status.View == 0 || len(status.Members) != 0 {
		t.Errorf("it tells %+v, %v", status, err)
	}
	if extra := dial(false).Extra; extra != nil {
		t.Errorf("it tells others %s", extra)
	}
	r.do(func(m *member.Member) { m.Stay() })
	s.script()
}
