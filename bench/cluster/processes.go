package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/registry"
)

// Processes is a group of which each node, and the registry, is a process.
type Processes struct {
	*Follower // nil if nobody follows the deliveries
	LossFeed
	env   program.Env
	nodes int

	Registry string   // its address
	Addrs    []string // of the nodes, as they were started

	mu       sync.Mutex // guards children while faults may change them
	children []*Process // the registry first
}

// NewProcesses returns a group of so many nodes, none of which is started.
func NewProcesses(env program.Env, nodes int) *Processes {
	return &Processes{LossFeed: NewLossFeed(), env: env, nodes: nodes}
}

// StartProcesses starts a group. What its nodes deliver after the position that it
// returns goes to feeds.
func StartProcesses(ctx context.Context, nodes int, settings registry.Settings, env program.Env, s *Feeds) (p *Processes, origin uint64, err error) {
	p = NewProcesses(env, nodes)
	if err = p.Start(ctx, settings); err == nil {
		p.Follower, origin, err = Follow(ctx, p.Addrs, s, env, p.LossFeed, p.serves)
	}
	if err != nil {
		return nil, 0, errors.Join(err, p.Stop())
	}
	return p, origin, nil
}

// Start starts a registry, which founds a group with settings, and the nodes. Nobody follows
// what they deliver.
func (p *Processes) Start(ctx context.Context, settings registry.Settings) (err error) {
	if err := p.env.Profiles.Check(append(nodeNames(p.nodes), fault.Registry)...); err != nil {
		return err
	}
	given, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if p.Registry, err = p.run(ctx, fault.Registry, "registry", string(given)); err != nil {
		return err
	}
	for i := range p.nodes {
		addr, err := p.StartNode(ctx, NodeName(i))
		if err != nil {
			return err
		}
		p.Addrs = append(p.Addrs, addr)
	}
	return nil
}

// StartNode starts a node of the group, and returns its address.
func (p *Processes) StartNode(ctx context.Context, name string) (string, error) {
	return p.run(ctx, name, "node", name, p.Registry)
}

// Member is the process of the i-th node, from 0.
func (p *Processes) Member(i int) *Process { return p.children[1+i] }

// ProcessNames are the nodes.
func (p *Processes) ProcessNames() []string {
	names := make([]string, p.nodes)
	for i := range names {
		names[i] = p.Member(i).Name
	}
	return names
}

// Usages asks all nodes what they have used.
func (p *Processes) Usages(collected bool) ([]Usage, error) {
	command := byte(commandUsage)
	if collected {
		command = commandWeigh
	}
	list := make([]Usage, p.nodes)
	errs := make([]error, p.nodes)
	var asking sync.WaitGroup
	for i := range list {
		asking.Go(func() { list[i], errs[i] = p.Member(i).usage(command) })
	}
	asking.Wait()
	return list, errors.Join(errs...)
}

// run starts a process and returns its address.
func (p *Processes) run(ctx context.Context, name string, args ...string) (string, error) {
	child, err := startProcess(p.env, name, nil, args)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", name, err)
	}
	p.mu.Lock()
	p.children = append(p.children, child)
	p.mu.Unlock()
	return p.attend(ctx, child)
}

// attend waits until a process is ready, and returns its address. When it ends
// although nobody wanted it to, that is told as a loss.
func (p *Processes) attend(ctx context.Context, child *Process) (string, error) {
	addr, err := child.awaitReady(ctx)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", child.Name, err)
	}
	p.mu.Lock()
	child.addr = addr
	p.mu.Unlock()
	go func() {
		err := child.wait()
		if !child.doomed.Load() {
			p.nodeEnded(child.Name, err)
		}
		close(child.gone)
	}()
	return addr, nil
}

// serves reports whether a process that lives serves at an address.
func (p *Processes) serves(addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.children, func(c *Process) bool { return c.addr == addr && !c.isGone() })
}

// Home is the node of a client: handles are opened in turns.
func (p *Processes) Home(client int) string { return NodeName(client % p.nodes) }

// Digests orders an audit and asks every node that lives.
func (p *Processes) Digests(ctx context.Context) ([]Digest, error) {
	nodes, strangers, err := p.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(e endpoint) bool { return !p.serves(e.addr) })
	return append(digestsOf(ctx, nodes), strangers...), nil
}

// Ended names the processes that are gone.
func (p *Processes) Ended() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, child := range p.children {
		if child.isGone() {
			names = append(names, child.Name)
		}
	}
	return names
}

// Stop ends the nodes, the last to join first, then the registry.
func (p *Processes) Stop() error {
	var errs []error
	if p.Follower != nil {
		errs = append(errs, p.StopFollowing())
	}
	// One that is gone already was told as a loss.
	p.children = slices.DeleteFunc(p.children, (*Process).isGone)
	for _, child := range p.children {
		child.announceEnd()
	}
	for i := len(p.children) - 1; i >= 0; i-- {
		if err := p.children[i].Stop(); err != nil {
			errs = append(errs, fmt.Errorf("process %s: %w", p.children[i].Name, err))
		}
	}
	return errors.Join(errs...)
}
