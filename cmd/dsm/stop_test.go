package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// fakeNode is a member of which a test says how leaving goes.
type fakeNode struct {
	leave func(ctx context.Context) error // nil: it works
	close error
	stop  error
	done  chan struct{}
	calls []string
}

func (f *fakeNode) ID() string            { return "n1" }
func (f *fakeNode) Done() <-chan struct{} { return f.done }
func (f *fakeNode) Err() error            { return errors.New("its disk is on fire") }

func (f *fakeNode) Leave(ctx context.Context, force bool) error {
	f.calls = append(f.calls, fmt.Sprint("leave ", force))
	if f.leave != nil {
		if err := f.leave(ctx); err != nil {
			return err
		}
	}
	close(f.done)
	return nil
}

func (f *fakeNode) Close() error {
	f.calls = append(f.calls, "close")
	close(f.done)
	return f.close
}

func (f *fakeNode) Stop() error {
	f.calls = append(f.calls, "stop")
	close(f.done)
	return f.stop
}

func lastMember(context.Context) error { return fmt.Errorf("%w: n1", server.ErrLastMember) }

func minMembers(context.Context) error { return fmt.Errorf("leaving: %w", registry.ErrMinMembers) }

func TestStop(t *testing.T) {
	interrupt, terminate, hangup := os.Interrupt, os.Signal(syscall.SIGTERM), os.Signal(syscall.SIGHUP)
	for _, test := range []struct {
		name     string
		leave    func(context.Context) error
		close    error
		stop     error
		attended bool
		signals  []os.Signal
		calls    string
		told     string // on stderr
		err      string // "": none
	}{
		{name: "clean", signals: []os.Signal{interrupt}, calls: "leave false"},
		{name: "terminated", signals: []os.Signal{terminate}, calls: "leave false"},
		{
			name: "last, asked", leave: lastMember, attended: true, signals: []os.Signal{interrupt, interrupt},
			calls: "leave false, leave false, close", told: "press Ctrl-C again",
		},
		{
			name: "last, nobody to ask", leave: lastMember, signals: []os.Signal{interrupt},
			calls: "leave false, close", told: "the last member of its group: if it ends, all variables are lost; it ends anyway",
		},
		{
			name: "last, terminated", leave: lastMember, attended: true, signals: []os.Signal{terminate},
			calls: "leave false, close", told: "it ends anyway",
		},
		{
			name: "too few", leave: minMembers, attended: true, signals: []os.Signal{interrupt, terminate},
			calls: "leave false, leave false, close", told: "minimum size",
		},
		{
			name: "unreachable", leave: func(context.Context) error { return registry.ErrUnreachable }, stop: registry.ErrUnreachable,
			attended: true, signals: []os.Signal{interrupt},
			calls: "leave false, stop", err: "without leaving its group, which has to notice its silence: registry unreachable",
		},
		{
			name:     "in a hurry",
			leave:    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			attended: true, signals: []os.Signal{interrupt, interrupt},
			calls: "leave false", err: "ended at once without leaving its group, which has to notice its silence: interrupted by signal \"interrupt\"",
		},
		{
			name:  "in a hurry after its terminal has gone",
			leave: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, signals: []os.Signal{hangup, hangup, terminate},
			calls: "leave false", err: "interrupted by signal \"terminated\"",
		},
		{name: "its terminal has gone", attended: true, signals: []os.Signal{hangup}, calls: "leave false"},
		{
			name: "last, and its terminal has gone", leave: lastMember, attended: true, signals: []os.Signal{hangup},
			calls: "leave false, close", told: "it ends anyway",
		},
		{
			name: "its terminal has gone, twice told", leave: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			stop: registry.ErrUnreachable, signals: []os.Signal{hangup, hangup}, calls: "leave false, stop", err: "deadline",
		},
		{
			name:  "too slow",
			leave: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, signals: []os.Signal{terminate},
			calls: "leave false, stop", told: "could not leave its group in time, and has stopped; the group knows: context deadline exceeded",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				node := &fakeNode{leave: test.leave, close: test.close, stop: test.stop, done: make(chan struct{})}
				signals := make(chan os.Signal)
				var stderr bytes.Buffer
				w := watch{node: node, around: &surroundings{stderr: &stderr, signals: signals, attended: test.attended}}
				ended := make(chan error, 1)
				go func() { ended <- w.untilStopped(t.Context()) }()
				for _, s := range test.signals {
					synctest.Wait() // until the one before has had its effect
					signals <- s
				}
				err := <-ended
				if got := strings.Join(node.calls, ", "); got != test.calls {
					t.Errorf("the node sees %q, want %q", got, test.calls)
				}
				if !strings.Contains(stderr.String(), test.told) || (test.told == "") != (stderr.Len() == 0) {
					t.Errorf("the user is told %q, want %q", &stderr, test.told)
				}
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("it ends with %v, want %q", err, test.err)
				}
			})
		})
	}
}

func TestStopByItself(t *testing.T) {
	node := &fakeNode{done: make(chan struct{})}
	close(node.done)
	w := watch{node: node, around: &surroundings{}}
	if err := w.untilStopped(t.Context()); err == nil || !strings.Contains(err.Error(), "its disk is on fire") {
		t.Errorf("it ends with %v", err)
	}
}

// A delivery log that fails is told of, once, and the node goes on: it has the
// variables.
func TestOutlivesItsLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{done: make(chan struct{})}
		broken, signals, told := make(chan struct{}), make(chan os.Signal), 0
		w := watch{node: node, around: &surroundings{signals: signals}, broken: broken, lament: func() { told++ }}
		ended := make(chan error, 1)
		go func() { ended <- w.untilStopped(t.Context()) }()
		close(broken)
		synctest.Wait()
		if told != 1 || len(node.calls) > 0 {
			t.Errorf("it is told %d times, and the node sees %q", told, node.calls)
		}
		signals <- syscall.SIGTERM
		if err := <-ended; err != nil || fmt.Sprint(node.calls) != "[leave false]" {
			t.Errorf("it ends with %v after %q", err, node.calls)
		}
	})
}
