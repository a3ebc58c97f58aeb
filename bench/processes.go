package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/check"
)

// registryName is the registry among the processes.
const registryName = "registry"

// exitTimeout is how long a process may take to end cleanly before it is
// killed.
const exitTimeout = 15 * time.Second

// processes is a group of which each node, and the registry, is a process.
type processes struct {
	handles
	*follower
	losses
	nodes    int
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
	if p.follower, origin, err = follow(ctx, addrs, s, env, p.losses); err != nil {
		return 0, err
	}
	p.handles, err = openNodeHandles(addrs, cfg.Conns)
	return origin, err
}

// startMembers starts a registry and nodes, and returns their addresses.
func (p *processes) startMembers(ctx context.Context, env Env, delivery string, nodes int) (registry string, addrs []string, err error) {
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

// run starts a process and returns its address.
func (p *processes) run(ctx context.Context, env Env, name string, args ...string) (string, error) {
	child, err := startProcess(env, name, args)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", name, err)
	}
	p.children = append(p.children, child)
	addr, err := child.address(ctx)
	if err != nil {
		return "", fmt.Errorf("process %s: %w", name, err)
	}
	go func() {
		err := child.wait()
		close(child.gone)
		p.nodeEnded(name, err)
	}()
	return addr, nil
}

// Home is the node of a client: handles are opened in turns.
func (p *processes) Home(client int) string { return nodeName(client % p.nodes) }

// Digests orders an audit and asks every node that lives.
func (p *processes) Digests(ctx context.Context) ([]digest, error) {
	nodes, strangers, err := p.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	for _, child := range p.children {
		if child.isGone() {
			nodes = slices.DeleteFunc(nodes, func(e endpoint) bool { return e.name == child.name })
		}
	}
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

// process is a child of this process. It ends when its stdin does, and so,
// whatever happens to the parent, does not outlive it.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	wait   func() error  // until it ends
	gone   chan struct{} // closed then, once it was ready
}

func startProcess(env Env, name string, args []string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append([]string{ChildCommand}, args...)...)
	cmd.Stderr = env.Notices
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	return &process{
		name: name, cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout),
		wait: sync.OnceValue(cmd.Wait), gone: make(chan struct{}),
	}, nil
}

// address waits for the line that says that the process is ready.
func (p *process) address(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := p.stdout.ReadString('\n')
		got <- answer{line, err}
	}()
	select {
	case a := <-got:
		addr, ok := strings.CutPrefix(strings.TrimSpace(a.line), readyPrefix)
		if a.err != nil || !ok {
			return "", errors.Join(fmt.Errorf("it did not start, and said %q", a.line), a.err)
		}
		return addr, nil
	case <-ctx.Done():
		return "", fmt.Errorf("it did not start: %w", ctx.Err())
	}
}

// isGone reports whether the process was ready, and has ended.
func (p *process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// announceEnd tells the process that the end is near. One that is gone already
// is told of by stop.
func (p *process) announceEnd() { _, _ = p.stdin.Write([]byte{orderQuiet}) }

// stop has the process end, and kills it if it does not.
func (p *process) stop() error {
	timer := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() }) // an error means that it has ended
	defer timer.Stop()
	return errors.Join(p.stdin.Close(), p.wait())
}
