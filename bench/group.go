package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// loopback is a port of the kernel's choice that only this machine reaches.
const loopback = "127.0.0.1:0"

// startSystem starts, or joins, what a Config asks for.
func startSystem(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	switch {
	case cfg.Target != "":
		return startTarget(ctx, cfg, env, s)
	case cfg.Faults != "":
		return startBreakable(ctx, cfg, env, s)
	case cfg.Processes:
		return startProcesses(ctx, cfg, env, s)
	default:
		return startGroup(ctx, cfg, env, s)
	}
}

// nodeName is the id of the i-th node, from 0, of a group that is started.
func nodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

// nodeNames are the ids of the first n nodes.
func nodeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = nodeName(i)
	}
	return names
}

// group is a registry and nodes in this process.
type group struct {
	handles
	losses
	registry *registry.Registry
	nodes    []*server.Node
	base     atomic.Uint64 // where the group's positions begin
	log      *logSwitch
}

func startGroup(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	g := &group{losses: newLosses(), log: newLogSwitch(env.Notices)}
	if err := g.start(ctx, cfg, s); err != nil {
		return nil, check.Options{}, errors.Join(err, g.Stop())
	}
	return g, check.Options{Origin: g.base.Load()}, nil
}

func (g *group) start(ctx context.Context, cfg *Config, s *feeds) (err error) {
	g.registry, err = server.StartRegistry(ctx, server.RegistryConfig{
		Listen: loopback, Settings: settings(cfg.Delivery), Logger: g.log.logger,
	})
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	var addrs []string
	for i := range cfg.Nodes {
		name := nodeName(i)
		f := s.join(name, name)
		node, err := server.Start(ctx, server.Config{
			ID: name, Registry: g.registry.Addr(), Listen: loopback, Logger: g.log.logger,
			OnDeliver:  func(d *wire.Delivery) { f.deliver(d) },
			OnSnapshot: func(uint64) { f.tell(eventRestart, "") },
			OnBegin:    g.base.Store,
		})
		if err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		g.log.on()
		g.nodes = append(g.nodes, node)
		go func() {
			<-node.Done()
			f.tell(eventEnd, "")
			g.nodeEnded(name, node.Err())
		}()
		addrs = append(addrs, node.Addr())
	}
	if !cfg.Embedded {
		g.handles, err = openNodeHandles(addrs, cfg.Conns)
		return err
	}
	for _, node := range g.nodes {
		g.handles = append(g.handles, driver.OpenDB(node))
	}
	return nil
}

// settings of a registry for a level of delivery.
func settings(delivery string) registry.Settings {
	if delivery == Agreed {
		return registry.Settings{Delivery: registry.Agreed}
	}
	return registry.Settings{Delivery: registry.Safe}
}

// detection is the detection time of groups that a run starts.
func detection() time.Duration { return registry.DefaultSettings().Detection }

// readSlack is how much older than a lease what a plain read reflects may be: a
// position goes from node to node through loops that may be busy.
const readSlack = time.Second

// readAge is how old what a plain read reflects may be, in a group whose leases last
// as long as its detection time.
func readAge(lease time.Duration) time.Duration { return lease + readSlack }

// Home is the node of a client: handles are opened in turns.
func (g *group) Home(client int) string { return nodeName(client % len(g.nodes)) }

// Digests orders an audit and asks every node that lives.
func (g *group) Digests(ctx context.Context) ([]digest, error) {
	var nodes []endpoint
	for _, node := range g.nodes {
		select {
		case <-node.Done():
			continue
		default:
		}
		nodes = append(nodes, endpoint{name: node.ID(), addr: node.Addr()})
	}
	return digestsOf(ctx, nodes), nil
}

// Stop ends the handles, the nodes, the last to join first, and the registry.
func (g *group) Stop() error {
	errs := []error{g.close()}
	g.log.off()
	for i := len(g.nodes) - 1; i >= 0; i-- {
		errs = append(errs, g.nodes[i].Close())
	}
	if g.registry != nil {
		errs = append(errs, g.registry.Close())
	}
	return errors.Join(errs...)
}
