package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// The calls of a connection within the process end with the context that it was
// given, whatever they wait for, and those of others go on.
func TestLocalCallsEndWithin(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	other := g.connect("n1")
	within, end := context.WithCancel(t.Context())
	conn := other.(wire.Bounded).Within(within, "", wire.Secret{})
	release := g.hold("n2") // n1 cannot finish what it orders
	write := func(conn wire.Conn, seq uint64) error {
		reply, err := conn.Write(t.Context(), 0, wire.Command{Op: wire.OpAdd, Session: c.session, Seq: seq, Floor: 1, Key: "n", Delta: 1})
		if err == nil && reply.Status != wire.StatusOK {
			return errors.New("refused")
		}
		return err
	}
	farAway := g.farAway("n1")
	calls := map[string]func() error{
		"a read of the future": func() error { _, err := conn.Get(t.Context(), "k", farAway, false); return err },
		"a strong read":        func() error { _, err := conn.Get(t.Context(), "k", 0, true); return err },
		"a write":              func() error { return write(conn, 1) },
	}
	ended := make(map[string]chan error)
	for name, call := range calls {
		result := make(chan error, 1)
		ended[name] = result
		go func() { result <- call() }()
	}
	goesOn := make(chan error, 1)
	go func() { goesOn <- write(other, 2) }()
	end()
	for name, result := range ended {
		if err := <-result; !errors.Is(err, errLocalEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	release()
	if err := <-goesOn; err != nil {
		t.Errorf("another connection's: %v", err)
	}
}

// ended returns a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, end := context.WithCancel(t.Context())
	end()
	return ctx
}

// What is refused at once was not sent, and says so.
func TestLocalRefusals(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	c := g.client("n1")
	set := wire.Command{Op: wire.OpSet, Session: c.session, Seq: 1, Floor: 1, Key: "k"}
	if _, err := c.conn.Write(ended(t), 0, set); !errors.Is(err, wire.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("a write whose context has ended: %v", err)
	}
	for _, op := range []wire.Op{wire.OpSet - 1, wire.OpBarrier, wire.OpTick, wire.OpClock} {
		writes := []wire.Submission{{Command: set}, {Command: wire.Command{Op: op}}}
		if taken, err := c.conn.Submit(t.Context(), writes, settled(nil)); taken != 0 || !errors.Is(err, wire.ErrNotSent) || !errors.As(err, new(*wire.Refusal)) {
			t.Errorf("operation %d: %d are taken, %v", op, taken, err)
		}
	}
	if taken, err := c.conn.Submit(t.Context(), nil, settled(nil)); taken != 0 || err != nil {
		t.Errorf("no writes: %d are taken, %v", taken, err)
	}
	if reply, err := c.conn.Get(t.Context(), "k", 0, true); err != nil || reply.Status != wire.StatusNotFound {
		t.Errorf("it was written: %+v, %v", reply, err)
	}
	if info := c.conn.Info(); info.MaxInFlight != 0 {
		t.Errorf("%+v", info)
	}
	if err := c.conn.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// A read that was handed over within the last turn is not left without an answer.
func TestReadAfterTheLastTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		answered := make(chan wire.Reply, 1)
		h.post(func(m *member.Member) {
			go func() {
				reply, err := localConn{f: h.front}.getLater(t.Context(), "k", 1, false)
				if err != nil {
					t.Error(err)
				}
				answered <- reply
			}()
			synctest.Wait() // it is in the inbox of the next turn
			m.Fail(ErrClosed)
		})
		if reply := <-answered; reply.Status != wire.StatusUnavailable {
			t.Errorf("%+v", reply)
		}
	})
}
