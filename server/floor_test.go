package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// kept is what a client keeps from a generation: a version, a position that it has
// seen, its session.
type kept struct{ version, position, session uint64 }

// keep has a client of the node write, and keeps what it is told.
func (g *group) keep(id string) kept {
	g.t.Helper()
	c := g.client(id)
	reply := c.write(wire.Command{Op: wire.OpSet, Key: "k", Value: []byte("a")})
	return kept{version: reply.Position, position: c.seen, session: c.session}
}

// comesTwice fails if anything that was kept from a generation means something in
// the node's present one.
func (g *group) comesTwice(id string, old kept) {
	t := g.t
	t.Helper()
	c := g.client(id)
	if c.session <= old.position {
		t.Errorf("session %d begins after position %d of an earlier generation", c.session, old.position)
	}
	version := c.write(wire.Command{Op: wire.OpSet, Key: "k", Value: []byte("b")}).Position
	if version <= old.version {
		t.Errorf("version %d follows version %d of an earlier generation", version, old.version)
	}
	conditional := wire.Command{Op: wire.OpCompareAndSet, Key: "k", Value: []byte("c"), Expect: old.version}
	conditional.Session, conditional.Seq, conditional.Floor = c.session, c.seq+1, c.seq+1
	if reply, err := c.conn.Write(t.Context(), 0, conditional); err != nil || reply.Status != wire.StatusConflict || reply.Version != version {
		t.Errorf("a write conditional on version %d of an earlier generation: %+v, %v", old.version, reply, err)
	}
	late := wire.Command{Op: wire.OpSet, Key: "k", Value: []byte("late"), Session: old.session, Seq: 100, Floor: 100}
	if reply, err := c.conn.Write(t.Context(), 0, late); err != nil || reply.Status != wire.StatusSessionExpired {
		t.Errorf("a write of session %d of an earlier generation: %+v, %v", old.session, reply, err)
	}
	reply, err := c.conn.Get(t.Context(), "k", old.position, false)
	if err != nil || reply.Status != wire.StatusOK || string(reply.Data) != "b" || reply.Position <= old.position {
		t.Errorf("a read after position %d of an earlier generation: %+v, %v", old.position, reply, err)
	}
	clear(g.logs) // of several generations
}

// TestPositionsOverGenerations goes through the ways to lose a generation: nothing
// that a client keeps of it means anything in the next.
func TestPositionsOverGenerations(t *testing.T) {
	for name, lose := range map[string]func(g *group, node, registryDir string){
		"the lone node is killed": func(g *group, node, _ string) {
			g.kill("n1")
			g.start("n1", in(node))
		},
		"and so is the registry": func(g *group, node, registryDir string) {
			g.kill("n1")
			g.restartRegistry(registryDir)
			g.start("n1", in(node))
		},
		"the last member leaves": func(g *group, node, registryDir string) {
			g.close("n1")
			g.restartRegistry(registryDir)
			g.start("n1", in(node))
		},
		"an operator decides": func(g *group, _, _ string) {
			operator := g.operator()
			g.kill("n1")
			if _, err := operator.NewGeneration(g.t.Context(), true); err != nil {
				g.t.Fatal(err)
			}
			g.start("n1", nil)
		},
		"a member begins in the next": func(g *group, _, _ string) {
			operator := g.operator()
			before := g.nodes["n1"].Status().Generation
			if _, err := operator.NewGeneration(g.t.Context(), true); err != nil {
				g.t.Fatal(err)
			}
			eventually(g.t, "it is in the next generation", func() bool {
				s := g.nodes["n1"].Status()
				return s.Generation == before+1 && s.Phase == "normal"
			})
		},
		"the registry's directory is lost too": func(g *group, node, registryDir string) {
			g.kill("n1")
			if err := g.registry.Close(); err != nil {
				g.t.Fatal(err)
			}
			if err := os.RemoveAll(registryDir); err != nil {
				g.t.Fatal(err)
			}
			g.startRegistry(RegistryConfig{DataDir: registryDir, Settings: fast()})
			g.start("n1", in(node))
		},
	} {
		t.Run(name, func(t *testing.T) {
			levels(t, func(t *testing.T, settings registry.Settings) {
				g := newGroup(t, settings)
				dir := t.TempDir()
				node, registryDir := filepath.Join(dir, "n1"), filepath.Join(dir, "registry")
				if err := g.registry.Close(); err != nil {
					t.Fatal(err)
				}
				g.startRegistry(RegistryConfig{DataDir: registryDir, Settings: settings})
				g.start("n1", in(node))
				old := g.keep("n1")
				for range 2 { // and the generation after the next
					lose(g, node, registryDir)
					g.comesTwice("n1", old)
					old = g.keep("n1")
				}
			})
		})
	}
}

// restartRegistry starts the registry again on its directory.
func (g *group) restartRegistry(dir string) {
	g.t.Helper()
	if err := g.registry.Close(); err != nil {
		g.t.Fatal(err)
	}
	g.startRegistry(RegistryConfig{DataDir: dir})
}

// TestPositionsOfFounders has several nodes begin a generation: at one position.
func TestPositionsOfFounders(t *testing.T) {
	g := newGroup(t, fast())
	g.startAll(3)
	old := g.keep("n2")
	operator := g.operator()
	if _, err := operator.NewGeneration(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are in the next generation", func() bool {
		for _, n := range g.nodes {
			if s := n.Status(); s.Generation != 2 || len(s.Members) != 3 || s.Phase != "normal" {
				return false
			}
		}
		return true
	})
	g.comesTwice("n3", old)
	g.sameDigests()
	g.start("n4", nil) // loads the state
	g.sameDigests()
	clear(g.logs)
}
