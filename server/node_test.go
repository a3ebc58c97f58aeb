package server

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

// Whoever asks a node that has stopped learns that it has, and why.
func TestClosedError(t *testing.T) {
	n, _ := loneNode()
	n.err = ErrClosed
	if err := n.closedError(); err != ErrClosed { //nolint:errorlint // the same
		t.Errorf("after Close: %v", err)
	}
	n.err = registry.ErrIDInUse
	if err := n.closedError(); !errors.Is(err, ErrClosed) || !errors.Is(err, registry.ErrIDInUse) {
		t.Errorf("by an error: %v", err)
	}
}

// The error of a start that takes too long says what the node waited for.
func TestWaitsForText(t *testing.T) {
	n, _ := loneNode()
	say := func(s string) *string { return &s }
	check := func(want string) {
		t.Helper()
		if got := n.waitsFor(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	check(" (it has not registered)")
	n.refused.Store(say("the id is in use"))
	check(" (the id is in use)")
	h := newLone(t, Config{})
	n.setIncarnation(h.replica)
	check("")
	h.why.waitsFor.Store(say(""))
	h.why.unlinked.Store(say(""))
	check("")
	h.why.waitsFor.Store(say("loads the state"))
	check(" (n1#1 loads the state)")
	h.why.unlinked.Store(say("no link to n2"))
	check(" (n1#1 loads the state; no link to n2)")
	h.why.unloaded.Store(say("n2 refuses"))
	check(" (n1#1 loads the state; n2 refuses)")
	n.hindrance.Store(say("its disk is full"))
	check(" (its disk is full)")
}

// A start that fails leaves the identity to the next one.
func TestFailedStartFreesItsIdentity(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "n1")
	if n, err := Start(t.Context(), Config{ID: "n1", DataDir: dir, Registry: "127.0.0.1:1", Listen: taken.Addr().String()}); n != nil || !errors.Is(err, ErrConfig) {
		t.Fatalf("on an address that is taken: %v", err)
	}
	ident, err := openIdentity(dir, "n1")
	if err != nil {
		t.Fatal(err)
	}
	if err := ident.close(); err != nil {
		t.Error(err)
	}
}

// A node that gives up its start is gone, also if its registry does not hear of it.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		n, _ := loneNode()
		n.log = h.replica.log
		n.setIncarnation(h.replica)
		began := time.Now()
		n.giveUp()
		if took := time.Since(began); took != giveUpTime+stopping {
			t.Errorf("it takes %v", took)
		}
		select {
		case <-n.done:
		default:
			t.Error("it goes on")
		}
		if h.count(slog.LevelWarn, "stopped without leaving") != 1 {
			t.Errorf("%s", h.lines())
		}
	})
}
