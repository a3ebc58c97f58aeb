package server

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// loseRegistry replaces the registry by one of another group, at the same address,
// as if its directory were lost. found brings the first one back.
func (g *group) loseRegistry(restart func()) (found func()) {
	g.t.Helper()
	addr := g.registry.Addr()
	g.stopRegistry()
	g.startRegistry(RegistryConfig{Listen: addr, Settings: fast()})
	return func() {
		g.t.Helper()
		g.stopRegistry()
		restart()
	}
}

// When the registry's directory is lost and only the registry starts again, the
// members go on under the leases that they give one another. When the directory is
// found, the group goes on with it.
func TestRegistryDirectoryLost(t *testing.T) {
	g := newGroup(t, fast())
	back := g.durableRegistry(fast())
	g.startAll(3)
	l := g.load(3)
	l.goesOn()
	found := g.loseRegistry(back)
	lost := clock.Clock{}.Steady()
	for id := range g.nodes {
		eventually(t, id+" has a lease that the registry of its group cannot have given", func() bool {
			return g.leaseEnd(id) > lost+2*fast().Detection
		})
	}
	l.goesOn()
	found()
	g.start("n4", nil) // a view change, pushed by the registry that is back
	l.goesOn()
	l.stop()
	g.sameDigests()
}

// When one node starts again too, it joins the new group, and the others lose their
// leases, because it confirms none any more. They keep the variables: a client that
// accepts stale reads gets them, at the position that they were read at, and nobody
// else is served. When the directory is found, they go on.
func TestRegistryDirectoryLostAndOneNode(t *testing.T) {
	g := newGroup(t, fast())
	var out lockedBuffer
	dir := t.TempDir()
	// Long, so that on a machine that has much else to do none that lives is excluded.
	back := g.durableRegistry(registry.Settings{Detection: 3 * time.Second})
	g.start("n1", in(dir))
	g.start("n2", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	g.start("n3", nil)
	c := g.client("n2")
	c.set("k", "v")
	before := map[string]*replica{"n2": g.nodes["n2"].current.Load(), "n3": g.nodes["n3"].current.Load()}
	plain := g.dial("n3")                     // while it has a lease for certain
	if got := c.get(plain, "k"); got != "v" { // it has delivered the write, for which n1 may be needed
		t.Fatalf("n3 has %q", got)
	}

	found := g.loseRegistry(back)
	addr := g.nodes["n1"].Addr()
	g.kill("n1")
	g.start("n1", func(c *Config) { c.DataDir, c.Listen = dir, addr })
	g.forget("n1") // its deliveries are of another group
	if was, is := before["n2"].group, g.nodes["n1"].Status().Group; is == was {
		t.Fatalf("n1 is in group %x again", is)
	}
	eventually(t, "n3 has no lease", func() bool { return !g.nodes["n3"].Status().Serves })
	eventually(t, "n2 has no lease, and says how to read it", func() bool {
		return !g.nodes["n2"].Status().Serves && strings.Contains(out.String(), "dsm get KEY --stale --dsn dsm://"+g.nodes["n2"].Addr())
	})
	if reply, err := plain.Get(t.Context(), "k", 0, false); err != nil || reply.Status != wire.StatusUnavailable {
		t.Errorf("a plain read without a lease: %+v, %v", reply, err)
	}
	for _, id := range []string{"n2", "n3"} {
		if _, err := driverside.Dial(t.Context(), g.nodes[id].Addr(), driverside.Options{}); err == nil {
			t.Errorf("%s welcomes a client without a lease", id)
		}
		stale, err := driverside.Dial(t.Context(), g.nodes[id].Addr(), driverside.Options{Stale: true})
		if err != nil {
			t.Fatal(err)
		}
		if reply, err := stale.Get(t.Context(), "k", 0, false); err != nil || string(reply.Data) != "v" || reply.Position < c.seen {
			t.Errorf("%s: a stale read: %+v, %v", id, reply, err)
		}
		if _, err := stale.Status(t.Context()); err != nil {
			t.Errorf("%s: its status: %v", id, err)
		}
		if reply, err := stale.Get(t.Context(), "k", 0, true); err != nil || reply.Status != wire.StatusUnavailable {
			t.Errorf("%s: a strong read without a lease: %+v, %v", id, reply, err)
		}
		if reply, err := stale.Write(t.Context(), 0, wire.Command{Op: wire.OpOpenSession}); err != nil || reply.Status != wire.StatusUnavailable {
			t.Errorf("%s: a write without a lease: %+v, %v", id, reply, err)
		}
		if err := stale.Close(); err != nil {
			t.Error(err)
		}
	}
	g.kill("n1")
	found()
	for id, r := range before {
		eventually(t, id+" serves again", func() bool { return g.nodes[id].Status().Serves })
		if g.nodes[id].current.Load() != r {
			t.Errorf("%s has begun anew", id)
		}
	}
	if got := c.get(g.connect("n3"), "k"); got != "v" {
		t.Errorf("n3 has %q", got)
	}
}

// A registry that is started with an old copy of its directory does not know the
// present members. They keep their state, and go on when it has the newest one.
func TestRegistryOldCopy(t *testing.T) {
	g := newGroup(t, fast())
	g.stopRegistry()
	newest, old := RegistryConfig{DataDir: t.TempDir(), Settings: fast()}, RegistryConfig{DataDir: t.TempDir(), Settings: fast()}
	g.startRegistry(newest)
	newest.Listen, old.Listen = g.registry.Addr(), g.registry.Addr()
	g.start("n1", nil)
	g.stopRegistry() // so that its file is whole
	if err := os.CopyFS(old.DataDir, os.DirFS(newest.DataDir)); err != nil {
		t.Fatal(err)
	}
	g.startRegistry(newest)
	g.start("n2", nil)
	g.client("n1").set("k", "v")
	before := map[string]*replica{"n1": g.nodes["n1"].current.Load(), "n2": g.nodes["n2"].current.Load()}
	g.stopRegistry()
	g.startRegistry(old)
	lost := clock.Clock{}.Steady()
	for id := range g.nodes {
		eventually(t, id+" has a lease from the other member", func() bool { return g.leaseEnd(id) > lost+2*fast().Detection })
	}
	g.client("n2").set("k", "w")
	g.stopRegistry()
	g.startRegistry(newest)
	g.start("n3", nil)
	for id, r := range before {
		if g.nodes[id].current.Load() != r {
			t.Errorf("%s has begun anew", id)
		}
	}
	g.sameDigests()
}
