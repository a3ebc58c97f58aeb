package server

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"

	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// partitioned is a group of three behind a proxy, under load.
func partitioned(t *testing.T, settings registry.Settings) (*group, *netfault.Proxy, *load) {
	t.Helper()
	g := newGroup(t, settings)
	proxy, through := g.throughProxy()
	for _, id := range []string{"n1", "n2", "n3"} {
		g.start(id, through(id))
	}
	l := g.load(6)
	l.goesOn()
	return g, proxy, l
}

// way is one direction between two ends of a proxy.
type way struct{ from, to string }

func bothWays(a string, others ...string) []way {
	var ways []way
	for _, b := range others {
		ways = append(ways, way{a, b}, way{b, a})
	}
	return ways
}

func cut(p *netfault.Proxy, ways []way) (heal func()) {
	for _, w := range ways {
		p.Cut(w.from, w.to)
	}
	return sync.OnceFunc(func() {
		for _, w := range ways {
			p.Heal(w.from, w.to)
		}
	})
}

// members waits until a node's view has these members, in any order.
func (g *group) members(at string, want ...string) {
	g.t.Helper()
	eventually(g.t, "the group has other members", func() bool {
		var ids []string
		for _, m := range g.nodes[at].Status().Members {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		return slices.Equal(ids, want)
	})
}

// watcher asks one incarnation for reads and writes, all the time that it is cut
// off. An answer to what was asked after the lease had run out is a mistake, and
// so is a write that is finished though nobody hears of it.
type watcher struct {
	t    *testing.T
	conn localConn
	stop chan struct{}
	done sync.WaitGroup

	mu       sync.Mutex // guards what follows
	answered int        // reads
	refused  int
	faults   []string
}

// watch begins to ask, and ends when the function returned is called, which
// reports mistakes.
func (g *group) watch(id string) (w *watcher, end func()) {
	w = &watcher{t: g.t, conn: localConn{f: g.nodes[id].current.Load().front}, stop: make(chan struct{})}
	w.done.Go(func() { w.every(w.read) })
	w.done.Go(func() { w.every(w.write) })
	end = sync.OnceFunc(func() {
		close(w.stop)
		w.done.Wait()
		for _, fault := range w.faults {
			g.t.Errorf("%s: %s", id, fault)
		}
	})
	g.t.Cleanup(end)
	return w, end
}

func (w *watcher) every(ask func() string) {
	ticks := time.NewTicker(500 * time.Microsecond)
	defer ticks.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-ticks.C:
		}
		if fault := ask(); fault != "" {
			w.mu.Lock()
			w.faults = append(w.faults, fault)
			w.mu.Unlock()
			return
		}
	}
}

func (w *watcher) read() (fault string) {
	asked := clock.Clock{}.Steady()
	reply, err := w.conn.Get(w.t.Context(), "counter0", 0, false)
	until := w.conn.f.reader.LeaseEnd() // it never falls
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		return err.Error()
	case reply.Status == wire.StatusUnavailable:
		w.refused++
	case asked >= until:
		return "a read was answered after the lease had run out"
	default:
		w.answered++
	}
	return ""
}

func (w *watcher) write() (fault string) {
	reply, err := w.conn.Write(w.t.Context(), 0, wire.Command{Op: wire.OpOpenSession})
	switch {
	case err != nil:
		return err.Error()
	case reply.Status == wire.StatusOK:
		return "a write was finished that nobody else can have heard of"
	default:
		return ""
	}
}

func (w *watcher) refuses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused > 0
}

// Both sides of a partition, for its whole time: the majority goes on, the
// minority answers no read after its lease and finishes no write, and comes back.
// Whoever is deaf, or unheard, or both, is the one that goes.
func TestPartition(t *testing.T) {
	deaf := []way{{"n1", "n3"}, {"n2", "n3"}, {"registry", "n3"}}
	mute := []way{{"n3", "n1"}, {"n3", "n2"}, {"n3", "registry"}}
	for name, ways := range map[string][]way{
		"both ways": slices.Concat(deaf, mute), "deaf": deaf, "mute": mute,
	} {
		t.Run(name, func(t *testing.T) {
			g, proxy, l := partitioned(t, fast())
			before := g.nodes["n3"].current.Load()
			heal := cut(proxy, ways)
			isolated := clock.Clock{}.Steady()
			w, end := g.watch("n3")
			g.members("n1", "n1", "n2")
			l.goesOn()
			eventually(t, "the minority refuses", w.refuses)
			l.goesOn()
			if until := before.reader.LeaseEnd(); until > isolated+before.detection() {
				t.Errorf("cut off at %v, it had a lease until %v", isolated, until)
			}
			end()
			heal()
			g.returned("n3", before)
			l.goesOn()
			l.stop()
			g.sameDigests()
		})
	}
}

// One link that is cut, one way or both, costs one member and not the group's
// writes, and nobody once it is whole again.
func TestOneLinkCut(t *testing.T) {
	for name, ways := range map[string][]way{
		"both ways": bothWays("n2", "n3"), "one way": {{"n2", "n3"}}, "the other way": {{"n3", "n2"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, proxy, l := partitioned(t, fast())
			heal := cut(proxy, ways)
			g.members("n1", "n1", "n2")
			l.goesOn()
			heal()
			g.members("n1", "n1", "n2", "n3")
			l.goesOn()
			l.stop()
		})
	}
}

// A member that the registry does not reach is vouched for by the others, and
// stays.
func TestCutFromRegistry(t *testing.T) {
	g, proxy, l := partitioned(t, fast())
	before := g.nodes["n3"].current.Load()
	heal := cut(proxy, bothWays("n3", "registry"))
	isolated := clock.Clock{}.Steady()
	eventually(t, "its lease is longer than the registry can have given", func() bool {
		return g.leaseEnd("n3") > isolated+2*before.detection()
	})
	l.goesOn()
	heal()
	if now := g.nodes["n3"].current.Load(); now != before {
		t.Error("it was excluded")
	}
	l.stop()
}

// Links that break are resumed within the view.
func TestResets(t *testing.T) {
	g, proxy, l := partitioned(t, registry.Settings{Detection: time.Hour}) // no pause of the machine costs anybody its place
	view := g.nodes["n1"].Status().View
	for range 20 {
		proxy.Reset("n1", "n2")
		proxy.Reset("n2", "n3")
		proxy.Reset("n1", "n3")
		l.goesOn()
	}
	if now := g.nodes["n1"].Status().View; now != view {
		t.Errorf("view %d, before the resets %d", now, view)
	}
	l.stop()
}

// n-1 of n members that are lost at once, or one after another, cost no
// acknowledged write.
func TestAllButOneAreLost(t *testing.T) {
	lost := []string{"n1", "n2", "n4"}
	for name, kill := range map[string]func(g *group, l *load){
		"at once": func(g *group, _ *load) {
			nodes := make([]*Node, 0, len(lost))
			for _, id := range lost {
				nodes = append(nodes, g.remove(id))
			}
			var killing sync.WaitGroup
			for _, n := range nodes {
				killing.Go(n.kill)
			}
			killing.Wait()
		},
		"one after another": func(g *group, l *load) {
			for _, id := range lost {
				g.kill(id)
				l.goesOn()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, fast())
			g.startAll(4)
			l := g.load(6)
			l.goesOn()
			kill(g, l)
			l.goesOn()
			g.members("n3", "n3")
			l.stop()
		})
	}
}

// A registry that is lost while a view change is under way completes it when it
// is back.
func TestRegistryLostDuringViewChange(t *testing.T) {
	g := newGroup(t, fast())
	g.stopRegistry()
	cfg := RegistryConfig{DataDir: t.TempDir(), Settings: registry.Settings{Detection: fast().Detection, AttemptTimeout: patience}}
	g.startRegistry(cfg)
	cfg.Listen = g.registry.Addr()
	proxy, through := g.throughProxy()
	for _, id := range []string{"n1", "n2", "n3", "n4"} {
		g.start(id, through(id))
	}
	l := g.load(6)
	l.goesOn()
	// The leader hears the registry, but its report that all hold the cut does not
	// arrive: the attempt stays as it is.
	heal := cut(proxy, []way{{"n2", "registry"}})
	g.kill("n1")
	operator, err := registry.Dial(cfg.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	eventually(t, "a view change is under way", func() bool {
		s, err := operator.Status(t.Context())
		return err == nil && s.GetAttempt() != nil && g.nodes["n3"].Status().Phase == "wedged"
	})
	g.stopRegistry()
	heal()
	g.startRegistry(cfg)
	g.members("n3", "n2", "n3", "n4")
	l.goesOn()
	l.stop()
}
