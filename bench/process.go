package bench

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
	"github.com/seed-8247e700/dsm/internal/bound"
)

// exitTimeout is how long a process may take to end cleanly before it is
// killed.
const exitTimeout = 15 * time.Second

// process is a child of this process. It ends when its stdin does, which is when the
// parent ends at the latest, however that happens. One that is stopped would not
// notice: on Linux the kernel kills it then, elsewhere it stays until it is resumed.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	wait   func() error  // until it ends
	gone   chan struct{} // closed then, once it was ready
	addr   string        // where it serves; guarded by processes.mu
	doomed atomic.Bool   // it is killed on purpose, which is no loss
	silent atomic.Bool   // its stdout ended before it was ready, and so does it
}

// startProcess starts a child. A file, if there is one, is its descriptor 3.
func startProcess(env Env, name string, file *os.File, args []string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, slices.Concat([]string{ChildCommand}, env.Profiles.of(name).args(), args)...)
	cmd.Stderr = env.Notices
	if file != nil {
		cmd.ExtraFiles = []*os.File{file}
	}
	return startCommand(name, cmd)
}

// startCommand starts a program that behaves like Child.
func startCommand(name string, cmd *exec.Cmd) (*process, error) {
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
	return &process{
		name: name, cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout),
		wait: sync.OnceValue(cmd.Wait), gone: make(chan struct{}),
	}, nil
}

// awaitReady waits for the line that says that the process is ready, and where.
func (p *process) awaitReady(ctx context.Context) (addr string, err error) {
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

// isGone reports whether the process was ready, and has ended.
func (p *process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// kill ends the process at once, as planned.
func (p *process) kill() error {
	p.doomed.Store(true)
	return p.cmd.Process.Kill()
}

// errCrashed says that a process did not end as one does that has given up, with
// an exit status of 1: it panicked, or somebody else killed it.
var errCrashed = errors.New("it crashed")

// asCrash is how a process ended, wrapped in errCrashed if it crashed.
func (p *process) asCrash(ended error) error {
	var exit *exec.ExitError
	if !errors.As(ended, &exit) || exit.ExitCode() == 1 || exit.ExitCode() < 0 && p.doomed.Load() {
		return ended
	}
	return fmt.Errorf("%w: %w", errCrashed, ended)
}

// discard ends a process that did not get ready, and waits for its end. The error
// wraps errCrashed if it had ended by itself, and not as it should.
func (p *process) discard() error {
	if p.silent.Load() {
		// It ends, or has ended, and how is of interest.
		timer := time.AfterFunc(exitTimeout, func() { _ = p.kill() })
		defer timer.Stop()
	} else if err := p.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := p.asCrash(p.wait()); errors.Is(err, errCrashed) {
		return err
	}
	return nil // that it was killed, or what it has said itself
}

// command has a child do something. One that was killed need not.
func (p *process) command(c byte) error {
	if _, err := p.stdin.Write([]byte{c}); !p.doomed.Load() {
		return err
	}
	return nil
}

// ask has a child do something, and returns the line that it answers.
func (p *process) ask(c byte) (string, error) {
	if err := p.command(c); err != nil {
		return "", err
	}
	return p.stdout.ReadString('\n')
}

// collect has the process collect its garbage, and waits until it has.
func (p *process) collect() error {
	line, err := p.ask(commandCollect)
	if err == nil && line != collectedLine {
		err = fmt.Errorf("it was to collect its garbage, and said %q", line)
	}
	return err
}

// usage asks the process what it has used.
func (p *process) usage(c byte) (u usage, err error) {
	line, err := p.ask(c)
	if err != nil {
		return u, fmt.Errorf("process %s: %w", p.name, err)
	}
	return u, json.Unmarshal([]byte(line), &u)
}

// figures asks an attack for its figures.
func (p *process) figures() (f attack.Figures, err error) {
	line, err := p.ask(commandTell)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(line), &f)
}

// announceEnd tells the process that the end is near. One that is gone already
// is told of by stop.
func (p *process) announceEnd() { _, _ = p.stdin.Write([]byte{commandEnd}) }

// stop has the process end, and kills it if it does not. The error wraps errCrashed
// if it did not end by itself, or not as it should.
func (p *process) stop() error {
	timer := time.AfterFunc(exitTimeout, func() { _ = p.cmd.Process.Kill() }) // an error means that it has ended
	defer timer.Stop()
	return errors.Join(p.stdin.Close(), p.asCrash(p.wait()))
}
