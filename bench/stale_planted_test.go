//go:build planted

package bench

import (
	"context"
	"errors"
	"strings"
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
}

// desertedDetection is that of the group: shorter than the usual one, for a short
// test.
const desertedDetection = 500 * time.Millisecond

func startDeserted(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	proxy, err := netfault.Listen()
	if err != nil {
		return nil, check.Options{}, err
	}
	g := &deserted{inside: &inside{}, proxy: proxy, share: cfg.Keys / cfg.Clients}
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
		m = &reader{m, g.share}
	}
	return m, err
}

// Stop ends the group.
func (g *deserted) Stop() error {
	return errors.Join(g.inside.Stop(), g.proxy.Close())
}

// reader is a memory whose client makes plain reads only, once it has loaded its
// share of the variables.
type reader struct {
	load.Memory
	load int // writes that are left of it
}

// Do carries out a request, or a read instead.
func (m *reader) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if m.load--; m.load < 0 {
		*r = load.Request{Kind: history.Get, Key: r.Key}
	}
	m.Memory.Do(ctx, r, a)
}

// TestPlantedLeaseIgnoredBench cuts a node off, whose clients must not read from it
// for longer than a lease, and has a run that passes fail when the node serves on.
func TestPlantedLeaseIgnoredBench(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Keys = 3, 6, 12
	cfg.Faults, cfg.Duration = "cut:n3@200ms+2800ms", 3200*time.Millisecond
	spoiled := func() *report.Report {
		out, err := openFiles(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
		report, err := r.onSystem(t.Context(), startDeserted)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if r := spoiled(); !r.Pass {
		t.Fatalf("without the bug: %q, %+v", r.Failures, r.Checks)
	}
	planted.With(t, planted.LeaseIgnored)
	by := caughtBy(spoiled())
	if !strings.Contains(by, "freshness") {
		t.Fatalf("freshness has not seen it, only: %q", by)
	}
	planted.Caught(t, planted.LeaseIgnored, by)
}
