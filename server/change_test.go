package server

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/underrace"
	"github.com/seed-8247e700/dsm/registry"
)

// fast has failures detected soon, but not so soon that a slow machine is taken
// for one. The race detector makes every machine slow.
func fast() registry.Settings {
	if underrace.Enabled {
		return registry.Settings{Detection: time.Second}
	}
	return registry.Settings{Detection: 500 * time.Millisecond}
}

// levels runs a test with both delivery levels.
func levels(t *testing.T, test func(t *testing.T, settings registry.Settings)) {
	t.Helper()
	for _, delivery := range []registry.Delivery{registry.Safe, registry.Agreed} {
		t.Run(string(delivery), func(t *testing.T) {
			settings := fast()
			if delivery == registry.Agreed {
				// A member that is excluded because its machine is slow may have delivered what the
				// others have not: it has the usual time.
				settings = registry.Settings{}
			}
			settings.Delivery = delivery
			test(t, settings)
		})
	}
}

func TestJoinsUnderLoad(t *testing.T) {
	levels(t, func(t *testing.T, settings registry.Settings) {
		settings.Detection = time.Minute // none is to be excluded
		g := newGroup(t, settings)
		g.start("n1", nil)
		l := g.load(6)
		l.goesOn()
		g.start("n2", nil)
		l.goesOn()
		var joins sync.WaitGroup // several at once
		for _, id := range []string{"n3", "n4", "n5"} {
			joins.Go(func() {
				if _, err := g.tryStart(id, nil); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			})
		}
		joins.Wait()
		l.goesOn()
		l.stop()
	})
}

func TestLeavesUnderLoad(t *testing.T) {
	levels(t, func(t *testing.T, settings registry.Settings) {
		settings.Detection = time.Minute // none is to be excluded
		g := newGroup(t, settings)
		g.startAll(4)
		l := g.load(6)
		for _, id := range []string{"n1", "n3", "n2"} {
			l.goesOn()
			g.close(id)
		}
		l.goesOn()
		l.stop()
	})
}

func TestCrashesUnderLoad(t *testing.T) {
	for _, id := range []string{"n1", "n2", "n4"} {
		t.Run(id, func(t *testing.T) {
			levels(t, func(t *testing.T, settings registry.Settings) {
				g := newGroup(t, settings)
				g.startAll(4)
				l := g.load(6)
				l.goesOn()
				if settings.Delivery == registry.Agreed {
					// What a lost member has told may differ; what the survivors tell must not.
					g.forget(id)
				}
				g.kill(id)
				l.goesOn()
				g.start(id+"b", nil)
				l.goesOn()
				if settings.Delivery == registry.Agreed {
					l.cancel()
					l.running.Wait()
					return
				}
				l.stop()
			})
		})
	}
}

// forget leaves the log of a node out of comparisons.
func (g *group) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.logs, id)
	delete(g.logs, fmt.Sprintf("%s#%d", id, g.nodes[id].current.Load().self.Incarnation))
}

func TestLastMember(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n2")
	c.set("k", "v")
	g.close("n1")
	n := g.nodes["n2"]
	if err := n.Leave(t.Context(), false); !errors.Is(err, ErrLastMember) {
		t.Fatalf("the last member was let go: %v", err)
	}
	if got := c.get(c.conn, "k"); got != "v" {
		t.Errorf("read %q", got)
	}
	c.set("k", "w") // it goes on
	g.start("n3", nil)
	if got := c.get(g.client("n3").conn, "k"); got != "w" {
		t.Errorf("the joiner read %q", got)
	}
	if err := n.Leave(t.Context(), false); err != nil {
		t.Errorf("not the last any more: %v", err)
	}
	<-n.Done()
	if !errors.Is(n.Err(), ErrClosed) {
		t.Errorf("Err: %v", n.Err())
	}
}
