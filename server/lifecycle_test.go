package server

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

func TestCloseManyTimesAtOnce(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	n := g.nodes["n2"]
	var closers sync.WaitGroup
	for i := range 8 {
		closers.Go(func() {
			var err error
			if i%2 == 0 {
				err = n.Close()
			} else {
				err = n.Leave(context.WithoutCancel(t.Context()), true)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
	<-n.Done()
	if _, err := n.Connect(t.Context()); !errors.Is(err, wire.ErrNodeClosed) || !errors.Is(err, ErrClosed) {
		t.Errorf("Connect: %v", err)
	}
	if s := n.Status(); s.Phase != "stopped" {
		t.Errorf("status: %+v", s)
	}
}

// A node that is closed as the last one must not be back under another
// incarnation: the next start of its id finds nobody.
func TestClosedIsGone(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	for range 20 {
		g.start("n1", nil)
		g.close("n1")
	}
	clear(g.logs) // each began a generation of its own
}

// A connection of an incarnation that is over answers; nobody hangs.
func TestEndedReplicaAnswers(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.startAll(2)
	c := g.client("n1")
	farAway := g.farAway("n1")
	release := g.hold("n2")
	replies := make(chan wire.Reply, 40)
	ctx := context.WithoutCancel(t.Context())
	answer := func(reply wire.Reply, err error) {
		if err != nil {
			t.Error(err)
		}
		replies <- reply
	}
	for i := range 20 {
		go func() { answer(c.conn.Get(ctx, "k", uint64(i%2)*farAway, i%2 == 0)) }()
		go func() {
			answer(c.conn.Write(ctx, 0, wire.Command{Op: wire.OpSet, Session: c.session, Seq: uint64(i + 1), Floor: 1, Key: "k"}))
		}()
	}
	g.kill("n1")
	for range 40 {
		reply := <-replies
		if reply.Status != wire.StatusUnavailable && reply.Status != wire.StatusInterrupted {
			t.Errorf("%+v", reply)
		}
	}
	if err := c.conn.Ping(ctx); err == nil {
		t.Error("ping of a node that was stopped")
	}
	release()
	g.kill("n2")
}

func TestStartGivesUp(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	release := g.hold("n1") // so that nobody can join
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Config{ID: "n2", Registry: g.registry.Addr(), Logger: testLogger(t)})
		failed <- err
	}()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v", err)
	}
	release()
}

func TestNoRegistry(t *testing.T) {
	checkLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Start(ctx, Config{ID: "n1", Registry: addr, Logger: testLogger(t)})
	if err == nil {
		t.Fatal("started without a registry")
	}
}

func TestConfigErrors(t *testing.T) {
	checkLeaks(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		change func(*Config)
		names  string
	}{
		{func(c *Config) { c.ID = "" }, "ID"},
		{func(c *Config) { c.ID = "a b" }, "ID"},
		{func(c *Config) { c.ID = strings.Repeat("n", 65) }, "ID"},
		{func(c *Config) { c.Registry = "" }, "Registry"},
		{func(c *Config) { c.Registry = "nowhere" }, "Registry"},
		{func(c *Config) { c.Listen = "7000" }, "Listen"},
		{func(c *Config) { c.Listen = taken.Addr().String() }, "Listen"},
		{func(c *Config) { c.Registry = "0.0.0.0:6001" }, "Registry"},
		{func(c *Config) { c.Registry = "http://127.0.0.1:6001" }, "Registry"},
		{func(c *Config) { c.Listen = "::1:7000" }, "Listen"},
		{func(c *Config) { c.Advertise = "here" }, "Advertise"},
		{func(c *Config) { c.Advertise = ":7000" }, "Advertise"},
		{func(c *Config) { c.Advertise = "0.0.0.0:7000" }, "Advertise"},
		{func(c *Config) { c.Advertise = "[::]:7000" }, "Advertise"},
		{func(c *Config) { c.Advertise = "224.0.0.1:7000" }, "Advertise"},
		{func(c *Config) { c.Advertise = "127.0.0.1:0" }, "Advertise"},
		{func(c *Config) { c.Advertise = "127.0.0.1:7000\n" }, "Advertise"},
		{func(c *Config) { c.MaxValueBytes = 19 }, "MaxValueBytes"},
		{func(c *Config) { c.MaxValueBytes = 16<<20 + 1 }, "MaxValueBytes"},
		{func(c *Config) { c.MaxConns = -1 }, "MaxConns"},
		{func(c *Config) { c.MaxInFlight = -1 }, "MaxInFlight"},
		{func(c *Config) { c.MaxAdmittedBytes = -1 }, "MaxAdmittedBytes"},
		{func(c *Config) { c.MaxLagBytes = -1 }, "MaxLagBytes"},
		{func(c *Config) { c.Window = 65 }, "Window"},
		{func(c *Config) { c.MaxBatchBytes = 1 << 30 }, "MaxBatchBytes"},
		{func(c *Config) { c.LeaveTimeout = -1 }, "LeaveTimeout"},
	} {
		cfg := Config{ID: "n1", Registry: "127.0.0.1:1", Logger: testLogger(t)}
		tc.change(&cfg)
		if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("%s: %v", tc.names, err)
		}
	}
}
