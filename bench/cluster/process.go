package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/bound"
)

// exitTimeout is how long a process may take to end cleanly before it is
// killed.
const exitTimeout = 15 * time.Second

// Process is a child of this process. It ends when its stdin does, which is when the
// parent ends at the latest, however that happens. One that is stopped would not
// notice: on Linux the kernel kills it then, elsewhere it stays until it is resumed.
type Process struct {
	Name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	wait   func() error  // until it ends
	gone   chan struct{} // closed then, once it was ready
	addr   string        // where it serves; guarded by Processes.mu
	doomed atomic.Bool   // it is killed, or leaves, on purpose, which is no loss
	silent atomic.Bool   // its stdout ended before it was ready, and so does it
}

// startProcess starts a child. A file, if there is one, is its descriptor 3.
func startProcess(env program.Env, name string, file *os.File, args []string) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, slices.Concat([]string{ChildCommand}, env.Profiles.Of(name).Args(), args)...)
	cmd.Stderr = env.Notices
	if file != nil {
		cmd.ExtraFiles = []*os.File{file}
	}
	return startCommand(name, cmd)
}

// StartChild starts this program as a child that says with [SayReady] where it serves, and
// returns that. A program whose children are not those of [Child] has the same ChildCommand.
func StartChild(ctx context.Context, env program.Env, name string, args ...string) (p *Process, addr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	if p, err = startProcess(env, name, nil, args); err != nil {
		return nil, "", err
	}
	if addr, err = p.awaitReady(ctx); err != nil {
		return nil, "", errors.Join(err, p.discard())
	}
	return p, addr, nil
}

// StartAttack starts the process of an attack, and waits until it is under way.
func StartAttack(ctx context.Context, env program.Env, cfg attack.Config) (*Process, error) {
	config, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	p, _, err := StartChild(ctx, env, string(cfg.Kind), attackChild, string(config))
	return p, err
}

// startCommand starts a program that behaves like Child.
func startCommand(name string, cmd *exec.Cmd) (*Process, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close())
	}
	if err := bound.Start(cmd); err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	return &Process{
		Name: name, cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout),
		wait: sync.OnceValue(cmd.Wait), gone: make(chan struct{}),
	}, nil
}

// awaitReady waits for the line that says that the process is ready, and where.
func (p *Process) awaitReady(ctx context.Context) (addr string, err error) {
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
		p.silent.Store(a.err != nil)
		addr, ok := strings.CutPrefix(strings.TrimSpace(a.line), readyPrefix)
		if a.err != nil || !ok {
			return "", errors.Join(fmt.Errorf("it did not start, and said %q", a.line), a.err)
		}
		return addr, nil
	case <-ctx.Done():
		return "", fmt.Errorf("it did not start: %w", ctx.Err())
	}
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// isGone reports whether the process was ready, and has ended.
func (p *Process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// Kill ends the process at once, as planned.
func (p *Process) Kill() error {
	p.doomed.Store(true)
	return p.cmd.Process.Kill()
}

// leave has a node leave its group and end, as planned. One that has ended already need not.
func (p *Process) leave() error {
	p.doomed.Store(true)
	return p.command(commandLeave)
}

// ErrCrashed says that a process did not end as one does that has given up, with
// an exit status of 1: it panicked, or somebody else killed it.
var ErrCrashed = errors.New("it crashed")

// asCrash is how a process ended, wrapped in ErrCrashed if it crashed.
func (p *Process) asCrash(ended error) error {
	var exit *exec.ExitError
	if !errors.As(ended, &exit) || exit.ExitCode() == 1 || exit.ExitCode() < 0 && p.doomed.Load() {
		return ended
	}
	return fmt.Errorf("%w: %w", ErrCrashed, ended)
}

// discard ends a process that did not get ready, and waits for its end. The error
// wraps errCrashed if it had ended by itself, and not as it should.
func (p *Process) discard() error {
	if p.silent.Load() {
		// It ends, or has ended, and how is of interest.
		timer := time.AfterFunc(exitTimeout, func() { _ = p.Kill() })
		defer timer.Stop()
	} else if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := p.asCrash(p.wait()); errors.Is(err, ErrCrashed) {
		return err
	}
	return nil // that it was killed, or what it has said itself
}

// command has a child do something. One that is doomed may have ended before.
func (p *Process) command(c byte) error {
	if _, err := p.stdin.Write([]byte{c}); !p.doomed.Load() {
		return err
	}
	return nil
}

// ask has a child do something, and returns the line that it answers.
func (p *Process) ask(c byte) (string, error) {
	if err := p.command(c); err != nil {
		return "", err
	}
	return p.stdout.ReadString('\n')
}

// Collect has the process collect its garbage, and waits until it has.
func (p *Process) Collect() error {
	line, err := p.ask(commandCollect)
	if err == nil && line != collectedLine {
		err = fmt.Errorf("it was to collect its garbage, and said %q", line)
	}
	return err
}

// usage asks the process what it has used.
func (p *Process) usage(c byte) (u Usage, err error) {
	line, err := p.ask(c)
	if err != nil {
		return u, fmt.Errorf("process %s: %w", p.Name, err)
	}
	return u, json.Unmarshal([]byte(line), &u)
}

// Figures asks an attack for its figures.
func (p *Process) Figures() (f attack.Figures, err error) {
	line, err := p.ask(commandTell)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(line), &f)
}

// announceEnd tells the process that the end is near. One that is gone already
// is told of by stop.
func (p *Process) announceEnd() { _, _ = p.stdin.Write([]byte{commandEnd}) }

// Stop has the process end, and kills it if it does not. The error wraps ErrCrashed
// if it did not end by itself, or not as it should.
func (p *Process) Stop() error {
	timer := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() }) // an error means that it has ended
	defer timer.Stop()
	return errors.Join(p.stdin.Close(), p.asCrash(p.wait()))
}
