package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/bench/check"
)

// exitTimeout is how long a process may take to end cleanly before it is
// killed.
const exitTimeout = 15 * time.Second

// processes is a group of which each node, and the registry, is a process.
type processes struct {
	handles
	*follower
	children []*process // the registry first
}

func startProcesses(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	p := &processes{}
	origin, err := p.start(ctx, cfg, env, s)
	if err != nil {
		return nil, check.Options{}, errors.Join(err, p.Stop())
	}
	return p, check.Options{Origin: origin}, nil
}

func (p *processes) start(ctx context.Context, cfg *Config, env Env, s *feeds) (origin uint64, err error) {
	registry, err := p.run(ctx, env, "registry", "registry", cfg.Delivery)
	if err != nil {
		return 0, err
	}
	var addrs []string
	for i := range cfg.Nodes {
		name := nodeName(i)
		addr, err := p.run(ctx, env, name, "node", name, registry)
		if err != nil {
			return 0, err
		}
		addrs = append(addrs, addr)
	}
	if p.follower, origin, err = follow(ctx, addrs, s, env); err != nil {
		return 0, err
	}
	p.handles, err = openNodeHandles(addrs, cfg.Conns)
	return origin, err
}

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
	return addr, nil
}

// Stop ends the handles, then the nodes, the last to join first, then the
// registry.
func (p *processes) Stop() error {
	errs := []error{p.close()}
	if p.follower != nil {
		errs = append(errs, p.stop())
	}
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
	stdout io.Reader
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
	return &process{name: name, cmd: cmd, stdin: stdin, stdout: stdout}, nil
}

// address waits for the line that says that the process is ready.
func (p *process) address(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(p.stdout).ReadString('\n')
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

// announceEnd tells the process that the end is near. One that is gone already
// is told of by stop.
func (p *process) announceEnd() { _, _ = p.stdin.Write([]byte{'\n'}) }

// stop has the process end, and kills it if it does not.
func (p *process) stop() error {
	timer := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() }) // an error means that it has ended
	defer timer.Stop()
	return errors.Join(p.stdin.Close(), p.cmd.Wait())
}
