package server

import (
	"slices"
	"testing"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/registry"
)

// Clients find the members by a plain GET of the registry, whose answer is
// written in one place and read in another.
func TestDiscovery(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n1, n2 := g.start("n1", nil), g.start("n2", nil)
	dsn, err := driverside.ParseDSN("dsm+registry://" + g.registry.Addr())
	if err != nil {
		t.Fatal(err)
	}
	found, err := dsn.Find(t.Context(), driverside.Options{})
	if want := []string{n1.Addr(), n2.Addr()}; err != nil || !slices.Equal(found, want) {
		t.Errorf("the registry tells %q (%v), want %q", found, err, want)
	}
	view, err := driverside.Discover(t.Context(), []string{g.registry.Addr()}, driverside.Options{})
	if err != nil {
		t.Fatal(err)
	}
	status := n2.Status() // which is in the newest view for certain
	if view.Group != status.Group || view.Generation != status.Generation || view.View.ID != status.View {
		t.Errorf("the registry tells %+v, the node is in %+v", view, status)
	}
	for i, m := range view.View.Members {
		if want := status.Members[i]; m.ID != want.ID || m.Incarnation != want.Incarnation || m.PeerAddr != want.PeerAddr {
			t.Errorf("member %d is told as %+v, the node has %+v", i, m, want)
		}
	}
}
