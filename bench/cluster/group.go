package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// MaxNodes bounds a group.
const MaxNodes = 64

// SetUpTimeout bounds the start of a group and of the sessions of its clients.
const SetUpTimeout = 60 * time.Second

// loopback is a port of the kernel's choice that only this machine reaches.
const loopback = "127.0.0.1:0"

// NodeName is the id of the i-th node, from 0, of a group that is started.
func NodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

// nodeNames are the ids of the first n nodes.
func nodeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = NodeName(i)
	}
	return names
}

// Group is a registry and nodes in this process.
type Group struct {
	LossFeed
	registry *registry.Registry
	Nodes    []*server.Node
	feeds    *Feeds
	proxy    *netfault.Proxy // Nodes reach each other, and the registry, through it; nil: directly
	base     atomic.Uint64   // where the group's positions begin
	log      *logSwitch
}

// StartGroup starts a group of so many nodes. What they deliver goes to feeds. If there is
// a proxy they reach each other, and the registry, through it.
func StartGroup(ctx context.Context, nodes int, settings registry.Settings, proxy *netfault.Proxy, env program.Env, s *Feeds) (*Group, error) {
	g := &Group{LossFeed: NewLossFeed(), feeds: s, proxy: proxy, log: newLogSwitch(env.Notices)}
	if err := g.start(ctx, nodes, settings); err != nil {
		return nil, errors.Join(err, g.Stop())
	}
	return g, nil
}

func (g *Group) start(ctx context.Context, nodes int, settings registry.Settings) (err error) {
	g.registry, err = server.StartRegistry(ctx, server.RegistryConfig{Listen: loopback, Settings: settings, Logger: g.log.logger})
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if g.proxy != nil {
		g.proxy.Name(g.registry.Addr(), fault.Registry)
	}
	for range nodes {
		if err := g.AddNode(ctx); err != nil {
			return err
		}
	}
	return nil
}

// AddNode starts one more node.
func (g *Group) AddNode(ctx context.Context) error {
	name := NodeName(len(g.Nodes))
	f := g.feeds.Join(name, name)
	cfg := server.Config{
		ID: name, Registry: g.registry.Addr(), Listen: loopback, Logger: g.log.logger,
		OnDeliver:  func(d *wire.Delivery) { f.Deliver(d) },
		OnSnapshot: func(uint64) { f.tell(EventRestart, "") },
		OnBegin:    g.base.Store,
	}
	if g.proxy != nil {
		l, err := g.proxy.ListenAs(name)
		if err != nil {
			return err
		}
		cfg.Listen, cfg.Listener, cfg.Dial = "", l, g.proxy.Dialer(name)
	}
	node, err := server.Start(ctx, cfg)
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	g.log.on()
	g.Nodes = append(g.Nodes, node)
	go func() {
		<-node.Done()
		f.tell(EventEnd, "")
		g.nodeEnded(name, node.Err())
	}()
	return nil
}

// Origin is where the group's positions begin.
func (g *Group) Origin() uint64 { return g.base.Load() }

// Addrs are those of the nodes.
func (g *Group) Addrs() []string {
	addrs := make([]string, len(g.Nodes))
	for i, node := range g.Nodes {
		addrs[i] = node.Addr()
	}
	return addrs
}

// Levels of delivery.
const (
	Safe   = "safe"
	Agreed = "agreed"
)

// Settings of a registry for a level of delivery.
func Settings(delivery string) registry.Settings {
	if delivery == Agreed {
		return registry.Settings{Delivery: registry.Agreed}
	}
	return registry.Settings{Delivery: registry.Safe}
}

// Detection is the detection time of groups that a run starts.
func Detection() time.Duration { return registry.DefaultSettings().Detection }

// readSlack is how much older than a lease what a plain read reflects may be: a
// position goes from node to node through loops that may be busy.
const readSlack = time.Second

// ReadAge is how old what a plain read reflects may be, in a group whose leases last
// as long as its detection time.
func ReadAge(lease time.Duration) time.Duration { return lease + readSlack }

// Home is the node of a client: handles are opened in turns.
func (g *Group) Home(client int) string { return NodeName(client % len(g.Nodes)) }

// Digests orders an audit and asks every node that lives.
func (g *Group) Digests(ctx context.Context) ([]Digest, error) {
	var nodes []endpoint
	for _, node := range g.Nodes {
		select {
		case <-node.Done():
			continue
		default:
		}
		nodes = append(nodes, endpoint{name: node.ID(), addr: node.Addr()})
	}
	return digestsOf(ctx, nodes), nil
}

// Stop ends the nodes, the last to join first, and the registry.
func (g *Group) Stop() error {
	var errs []error
	g.log.off()
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		errs = append(errs, g.Nodes[i].Close())
	}
	if g.registry != nil {
		errs = append(errs, g.registry.Close())
	}
	return errors.Join(errs...)
}
