//go:build planted

package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry"
)

// deserted is a group in this process whose last node is cut off from all others.
// The clients of that node only read: one that writes waits, and reads no more.
type deserted struct {
	*inside
	proxy *netfault.Proxy
	share int // of the variables, that each client loads
	clock load.Clock
	acked atomic.Int64 // when a write was first acknowledged without the last node; 0: not yet
	stale func()       // is called once the last node has answered a read that must reflect it
}

// desertedDetection is that of the group: shorter than the usual one, for a short
// test.
const desertedDetection = 500 * time.Millisecond

func (g *deserted) start(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	proxy, err := netfault.Listen()
	if err != nil {
		return nil, check.Options{}, err
	}
	g.inside, g.proxy, g.share, g.clock = &inside{}, proxy, cfg.Keys/cfg.Clients, load.NewClock()
	g.Group, err = cluster.StartGroup(ctx, cfg.Nodes, registry.Settings{Detection: desertedDetection}, proxy, env, s)
	if err == nil {
		g.Handles, err = load.OpenNodeHandles(g.Addrs(), cfg.Conns)
	}
	if err != nil {
		return nil, check.Options{}, err
	}
	return g, check.Options{Age: cluster.ReadAge(desertedDetection), Origin: g.Origin()}, nil
}

// Strike makes a cut.
func (g *deserted) Strike(f *fault.Fault) (mend func() error, err error) {
	return cluster.CutWays(g.proxy, f, len(g.Nodes)), nil
}

// Whole does not wait: the digests do.
func (g *deserted) Whole(context.Context) error { return nil }

// Open begins a client's session.
func (g *deserted) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := g.inside.Open(ctx, client)
	if err == nil && g.Home(client) == cluster.NodeName(len(g.Nodes)-1) {
		return &reader{Memory: m, group: g, load: g.share}, nil
	}
	return &writer{Memory: m, group: g}, err
}

// Stop ends the group.
func (g *deserted) Stop() error {
	return errors.Join(g.inside.Stop(), g.proxy.Close())
}

// reader is a memory whose client makes plain reads only, once it has loaded its
// share of the variables.
type reader struct {
	load.Memory
	group *deserted
	load  int   // writes that are left of it
	ended int64 // when its last operation had
}

// Do carries out a request, or a read instead.
func (m *reader) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if m.load--; m.load < 0 {
		*r = load.Request{Kind: history.Get, Key: r.Key}
	}
	acked := m.group.acked.Load()
	m.Memory.Do(ctx, r, a)
	age := int64(cluster.ReadAge(desertedDetection))
	age += age / 100 // the check keeps one acknowledgement of a 300th
	if acked > 0 && m.ended > acked+age && a.Err == nil {
		m.group.stale()
	}
	m.ended = m.group.clock.Now()
}

// writer is a memory whose client belongs to the other nodes.
type writer struct {
	load.Memory
	group *deserted
	wrote bool // without the last node
}

// Do carries out a request. The one before it was noted by then.
func (m *writer) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if m.wrote {
		m.group.acked.CompareAndSwap(0, m.group.clock.Now())
	}
	without := m.group.acked.Load() == 0 && len(m.group.Nodes[0].Status().Members) < len(m.group.Nodes)
	m.Memory.Do(ctx, r, a)
	m.wrote = without && !r.Kind.IsRead() && a.Status == history.OK
}

// TestPlantedLeaseIgnoredBench cuts a node off, whose clients must not read from it
// for longer than a lease, and has a run that passes fail when the node serves on.
func TestPlantedLeaseIgnoredBench(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Keys = 3, 6, 12
	spoiled := func(faults string, duration time.Duration) *report.Report {
		cfg := cfg
		cfg.Faults, cfg.Duration = faults, duration
		out, err := openFiles(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, enough := context.WithCancel(t.Context())
		defer enough()
		r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
		report, err := r.onSystem(ctx, (&deserted{stale: enough}).start)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if r := spoiled("cut:n3@200ms+2800ms", 3200*time.Millisecond); !r.Pass {
		t.Fatalf("without the bug: %q, %+v", r.Failures, r.Checks)
	}
	planted.With(t, planted.LeaseIgnored)
	by := caughtBy(spoiled("cut:n3@200ms+59s", time.Minute)) // until a read is stale
	if !strings.Contains(by, "freshness") {
		t.Fatalf("freshness has not seen it, only: %q", by)
	}
	planted.Caught(t, planted.LeaseIgnored, by)
}
