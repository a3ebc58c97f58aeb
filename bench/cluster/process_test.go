//go:build unix

package cluster

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// script starts a child that does what a shell does.
func script(t *testing.T, text string) *Process {
	t.Helper()
	p, err := startCommand("n1", exec.Command("/bin/sh", "-c", text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A child that cannot start says so by its exit status; a panic, or a signal that
// the run has not sent, is something else.
func TestDiscard(t *testing.T) {
	for text, crashes := range map[string]bool{
		"exit 1":                     false,
		"exit 2":                     true,
		"echo fatal; exec >&-":       false,
		"kill -ABRT $$":              true,
		"kill -KILL $$":              true,
		"echo not quite; read x":     false,
		"exec >&-; sleep 0.1;exit 2": true,
	} {
		p := script(t, text)
		_, err := p.awaitReady(t.Context())
		if err == nil {
			t.Errorf("%s: it is ready", text)
		}
		if err := p.discard(); errors.Is(err, ErrCrashed) != crashes || !crashes && err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	p := script(t, "read x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.awaitReady(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits, and the error is %v", err)
	}
	if err := p.discard(); err != nil {
		t.Errorf("one that was killed: %v", err)
	}
}

// A process that crashes while it ends is told of apart from one that complains.
func TestStopCrash(t *testing.T) {
	for text, crashes := range map[string]bool{
		"read x; exit 0": false, "read x; exit 1": false, "read x; exit 2": true, "read x; kill -SEGV $$": true,
	} {
		if err := script(t, text).Stop(); errors.Is(err, ErrCrashed) != crashes || (err == nil) != strings.HasSuffix(text, "0") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A process that gives up is started again; one that crashes is lost.
func TestReviveCrash(t *testing.T) {
	var starts atomic.Int64
	b := &Breakable{
		Processes: &Processes{LossFeed: NewLossFeed(), nodes: 1},
		seats:     map[string]*seat{"n1": {name: "n1"}},
		startChild: func(string) (*Process, error) {
			if starts.Add(1) < 3 {
				return script(t, "exit 1"), nil
			}
			return script(t, "exit 2"), nil
		},
	}
	b.ctx, b.cancel = context.WithTimeout(t.Context(), time.Minute)
	defer b.cancel()
	b.revive("n1")
	b.revivals.Wait()
	select {
	case l := <-b.LossFeed:
		if l.Node != "n1" || !errors.Is(l.Why, ErrCrashed) || starts.Load() != 3 {
			t.Errorf("%d starts, then the loss of %q: %v", starts.Load(), l.Node, l.Why)
		}
	default:
		t.Errorf("%d starts, and no loss", starts.Load())
	}
	if missing := b.missing(nil); len(missing) > 0 {
		t.Errorf("a node that is lost is missed too: %v", missing)
	}
}
