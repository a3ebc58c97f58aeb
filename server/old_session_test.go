package server

import (
	"errors"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
)

// The only node is killed and comes back with its identity directory: a new,
// empty generation, of which the handles of the old one are told.
func TestOldSessionIsToldOfANewGeneration(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	dir := t.TempDir()
	addr := g.start("n1", func(c *Config) { c.DataDir = dir }).Addr()
	db, err := driver.Open("dsm://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.Set(t.Context(), "k", []byte("old")); err != nil {
		t.Fatal(err)
	}
	g.kill("n1")
	clear(g.logs) // what follows is another generation
	g.start("n1", func(c *Config) { c.DataDir, c.Listen = dir, addr })
	if v, err := db.Get(t.Context(), "k"); !errors.Is(err, driver.ErrGeneration) {
		t.Errorf("a read of the old session: %q, %v", v.Data, err)
	}
	if _, err := db.Get(t.Context(), "k"); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("once told, the handle goes on in the empty generation: %v", err)
	}
	if _, err := db.Set(t.Context(), "k", []byte("new")); err != nil {
		t.Error(err)
	}
}
