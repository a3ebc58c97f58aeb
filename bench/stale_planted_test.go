//go:build planted

package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// deserted is a group in this process whose last node is cut off from all others.
// The clients of that node only read: one that writes waits, and reads no more.
type deserted struct {
	*group
	proxy *netfault.Proxy
	share int // of the variables, that each client loads
}

// desertedDetection is that of the group: shorter than the usual one, for a short
// test.
const desertedDetection = 500 * time.Millisecond

func startDeserted(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	g := &deserted{group: &group{losses: newLosses(), log: newLogSwitch(env.Notices)}, share: cfg.Keys / cfg.Clients}
	var err error
	if g.proxy, err = netfault.Listen(); err != nil {
		return nil, check.Options{}, err
	}
	g.registry, err = server.StartRegistry(ctx, server.RegistryConfig{
		Listen: loopback, Settings: registry.Settings{Detection: desertedDetection}, Logger: g.log.logger,
	})
	if err != nil {
		return nil, check.Options{}, err
	}
	g.proxy.Name(g.registry.Addr(), fault.Registry)
	var addrs []string
	for i := range cfg.Nodes {
		name := nodeName(i)
		listener, err := g.proxy.ListenAs(name)
		if err != nil {
			return nil, check.Options{}, err
		}
		f := s.join(name, name)
		node, err := server.Start(ctx, server.Config{
			ID: name, Registry: g.registry.Addr(), Listener: listener, Logger: g.log.logger,
			Dial:       g.proxy.Dialer(name),
			OnDeliver:  func(d *wire.Delivery) { f.deliver(d) },
			OnSnapshot: func(uint64) { f.tell(eventRestart, "") },
			OnBegin:    g.base.Store,
		})
		if err != nil {
			return nil, check.Options{}, err
		}
		g.nodes, addrs = append(g.nodes, node), append(addrs, node.Addr())
	}
	g.handles, err = openNodeHandles(addrs, cfg.Conns)
	return g, check.Options{Age: readAge(desertedDetection), Origin: g.base.Load()}, err
}

// strike makes a cut.
func (g *deserted) strike(f *fault.Fault) (mend func() error, err error) {
	b := &breakable{proxy: g.proxy, seats: map[string]*seat{registryName: nil}}
	for _, node := range g.nodes {
		b.seats[node.ID()] = nil
	}
	return b.cut(f)
}

// whole does not wait: the digests do.
func (g *deserted) whole(context.Context) error { return nil }

// Open begins a client's session.
func (g *deserted) Open(ctx context.Context, client int) (memory, error) {
	m, err := g.group.Open(ctx, client)
	if err == nil && g.Home(client) == nodeName(len(g.nodes)-1) {
		m = &reader{m, g.share}
	}
	return m, err
}

// Stop ends the group.
func (g *deserted) Stop() error {
	return errors.Join(g.group.Stop(), g.proxy.Close())
}

// reader is a memory whose client makes plain reads only, once it has loaded its
// share of the variables.
type reader struct {
	memory
	load int // writes that are left of it
}

// Do carries out a request, or a read instead.
func (m *reader) Do(ctx context.Context, r *request, a *answer) {
	if m.load--; m.load < 0 {
		*r = request{kind: history.Get, key: r.key}
	}
	m.memory.Do(ctx, r, a)
}

// TestPlantedLeaseIgnoredBench cuts a node off, whose clients must not read from it
// for longer than a lease, and has a run that passes fail when the node serves on.
func TestPlantedLeaseIgnoredBench(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Keys = 3, 6, 12
	cfg.Faults, cfg.Duration = "cut:n3@200ms+2800ms", 3200*time.Millisecond
	spoiled := func() *Report {
		out, err := openFiles(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{cfg: cfg, env: Env{Notices: t.Output()}, clock: newClock(), feeds: &feeds{}, files: out}
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
