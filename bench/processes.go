package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/check"
)

// registryName is the registry among the processes.
const registryName = fault.Registry

// processes is a group of which each node, and the registry, is a process.
type processes struct {
	handles
	*follower
	losses
	nodes int

	mu       sync.Mutex // guards children while faults may change them
	children []*process // the registry first
}

func startProcesses(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	p := &processes{losses: newLosses(), nodes: cfg.Nodes}
	origin, err := p.start(ctx, cfg, env, s)
	if err != nil {
		return nil, check.Options{}, errors.Join(err, p.Stop())
	}
	return p, check.Options{Origin: origin}, nil
}

func (p *processes) start(ctx context.Context, cfg *Config, env Env, s *feeds) (origin uint64, err error) {
	_, addrs, err := p.startMembers(ctx, env, cfg.Delivery, cfg.Nodes)
	if err != nil {
		return 0, err
	}
	if p.follower, origin, err = follow(ctx, addrs, s, env, p.losses, p.serves); err != nil {
		return 0, err
	}
	p.handles, err = openNodeHandles(addrs, cfg.Conns)
	return origin, err
}

// startMembers starts a registry and nodes, and returns their addresses.
func (p *processes) startMembers(ctx context.Context, env Env, delivery string, nodes int) (registry string, addrs []string, err error) {
	if err := env.Profiles.check(append(nodeNames(nodes), registryName)...); err != nil {
		return "", nil, err
	}
	registry, err = p.run(ctx, env, registryName, "registry", delivery)
	if err != nil {
		return "", nil, err
	}
	for i := range nodes {
		name := nodeName(i)
		addr, err := p.run(ctx, env, name, "node", name, registry)
		if err != nil {
			return "", nil, err
		}
		addrs = append(addrs, addr)
	}
	return registry, addrs, nil
}

// member is the process of the i-th node, from 0.
func (p *processes) member(i int) *process { return p.children[1+i] }

// processNames are the nodes.
func (p *processes) processNames() []string {
	names := make([]string, p.nodes)
	for i := range names {
		names[i] = p.member(i).name
	}
	return names
}

// usages asks all nodes what they have used.
func (p *processes) usages(collected bool) ([]usage, error) {
	command := byte(commandUsage)
	if collected {
		command = commandWeigh
	}
	list := make([]usage, p.nodes)
	errs := make([]error, p.nodes)
	var asking sync.WaitGroup
	for i := range list {
		asking.Go(func() { list[i], errs[i] = p.member(i).usage(command) })
	}
	asking.Wait()
	return list, errors.Join(errs...)
}

// run starts a process and returns its address.
func (p *processes) run(ctx context.Context, env Env, name string, args ...string) (string, error) {
	child, err := startProcess(env, name, nil, args)
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
func (p *processes) attend(ctx context.Context, child *process) (string, error) {
	addr, err := child.awaitReady(ctx)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", child.name, err)
	}
	p.mu.Lock()
	child.addr = addr
	p.mu.Unlock()
	go func() {
		err := child.wait()
		if !child.doomed.Load() {
			p.nodeEnded(child.name, err)
		}
		close(child.gone)
	}()
	return addr, nil
}

// serves reports whether a process that lives serves at an address.
func (p *processes) serves(addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.children, func(c *process) bool { return c.addr == addr && !c.isGone() })
}

// Home is the node of a client: handles are opened in turns.
func (p *processes) Home(client int) string { return nodeName(client % p.nodes) }

// Digests orders an audit and asks every node that lives.
func (p *processes) Digests(ctx context.Context) ([]digest, error) {
	nodes, strangers, err := p.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(e endpoint) bool { return !p.serves(e.addr) })
	return append(digestsOf(ctx, nodes), strangers...), nil
}

// Stop ends the handles, then the nodes, the last to join first, then the
// registry.
func (p *processes) Stop() error {
	errs := []error{p.close()}
	if p.follower != nil {
		errs = append(errs, p.stop())
	}
	// One that is gone already was told as a loss.
	p.children = slices.DeleteFunc(p.children, (*process).isGone)
	for _, child := range p.children {
		child.announceEnd()
	}
	for i := len(p.children) - 1; i >= 0; i-- {
		if err := p.children[i].stop(); err != nil {
			errs = append(errs, fmt.Errorf("process %s: %w", p.children[i].name, err))
		}
	}
	return errors.Join(errs...)
}
