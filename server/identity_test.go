package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// in has a node keep its identity in a directory.
func in(dir string) func(*Config) { return func(c *Config) { c.DataDir = dir } }

func TestIdentityInUse(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	dir := t.TempDir()
	g.start("n1", in(dir))
	if _, err := g.tryStart("n1", in(dir)); !errors.Is(err, ErrIdentityInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second node in the directory: %v", err)
	}
	if _, err := g.tryStart("n1", nil); !errors.Is(err, registry.ErrIDInUse) {
		t.Errorf("a second node of the id: %v", err)
	}
	if _, err := g.tryStart("n1", in(t.TempDir())); !errors.Is(err, registry.ErrIDInUse) {
		t.Errorf("a second node of the id, with a directory of its own: %v", err)
	}
	c := g.client("n1")
	c.set("k", "v") // and the first is well
}

func TestIdentityOfAnother(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	dir := t.TempDir()
	g.start("n1", in(dir))
	g.close("n1")
	if _, err := g.tryStart("n2", in(dir)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), `"n1"`) {
		t.Errorf("the directory of another id: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(`{"id":"n1","gro`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.tryStart("n1", in(dir)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "identity.json")); err != nil {
		t.Fatal(err)
	}
	g.start("n1", in(dir))
	clear(g.logs) // of a generation of its own
}

// One node of one, killed and started again, proves that its predecessor is
// dead: a new generation begins at once, empty. The detection time has no part
// in it.
func TestRestartOfTheOnlyNode(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	dir := t.TempDir()
	g.start("n1", in(dir))
	c := g.client("n1")
	c.set("k", "v")
	old := c.conn.Info()
	g.kill("n1")
	clear(g.logs) // what follows is another generation
	g.start("n1", in(dir))
	conn := g.connect("n1")
	if info := conn.Info(); info.Group != old.Group || info.Generation != old.Generation+1 || info.Incarnation <= old.Incarnation {
		t.Errorf("%+v after %+v", info, old)
	}
	reply, err := conn.Get(t.Context(), "k", 0, false)
	if err != nil || reply.Status != wire.StatusNotFound {
		t.Errorf("a new generation has %+v, %v", reply, err)
	}
}

// One of three is replaced at once, and has what the others have.
func TestRestartOfOneOfThree(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	dir := t.TempDir()
	g.start("n1", nil)
	g.start("n2", in(dir))
	g.start("n3", nil)
	c := g.client("n1")
	c.set("k", "v")
	g.kill("n2")
	g.start("n2", in(dir))
	c.set("k", "w")
	if got := c.get(g.connect("n2"), "k"); got != "w" {
		t.Errorf("read %q", got)
	}
	if s := g.nodes["n2"].Status(); len(s.Members) != 3 || s.Rank != 2 {
		t.Errorf("status %+v", s)
	}
	g.sameDigests()
}

// An identity of another group proves nothing there, and does no harm.
func TestIdentityOfAnotherGroup(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.start("n0", nil)
			g.start("n1", in(dir))
			g.client("n1").set("k", "v")
		})
	}
}
