package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/seed-8247e700/dsm/internal/bound"
)

const (
	// tailBytes is how much of a log is shown when a process fails.
	tailBytes = 2000

	// retryEvery is how often is looked whether something is ready.
	retryEvery = 20 * time.Millisecond

	// attemptTimeout bounds one look: who asks too early may never be answered.
	attemptTimeout = 2 * time.Second
)

// Process is a child that runs.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read it after done
}

// Start starts a command whose output goes to a log in the directory.
func Start(dir *Dir, name string, cmd *exec.Cmd) (*Process, error) {
	sub, err := dir.Sub("log-" + name)
	if err != nil {
		return nil, err
	}
	p := &Process{name: name, cmd: cmd, log: sub + "/log", done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	if err := errors.Join(bound.Start(cmd), log.Close()); err != nil {
		return nil, fmt.Errorf("proc: starting %s: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Await calls ready until it succeeds, the process ends, or the context does.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	timer := time.NewTicker(retryEvery)
	defer timer.Stop()
	for {
		err := attempt(ctx, ready)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.failure(fmt.Errorf("it has ended: %w", p.err))
		case <-ctx.Done():
			return p.failure(fmt.Errorf("%w: %w", ctx.Err(), err))
		case <-timer.C:
		}
	}
}

func attempt(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return ready(ctx)
}

// failure adds the end of the log to an error.
func (p *Process) failure(err error) error {
	log, readErr := os.ReadFile(p.log)
	if readErr != nil {
		return fmt.Errorf("proc: %s did not start: %w", p.name, errors.Join(err, readErr))
	}
	tail := log[max(0, len(log)-tailBytes):]
	return fmt.Errorf("proc: %s did not start: %w\n%s", p.name, err, bytes.TrimSpace(tail))
}

// Kill ends the process at once: its state is of no use to anybody.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("proc: killing %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// Processes are those of one system.
type Processes []*Process

// Kill ends all of them.
func (p Processes) Kill() error {
	errs := make([]error, len(p))
	for i, process := range p {
		errs[i] = process.Kill()
	}
	return errors.Join(errs...)
}
