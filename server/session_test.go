package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// connect connects to a node from within the process.
func (g *group) connect(id string) wire.Conn {
	g.t.Helper()
	conn, err := g.nodes[id].Connect(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return conn.(wire.Conn)
}

func TestRepeatedWriteTakesEffectOnce(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	add := wire.Command{Op: wire.OpAdd, Session: c.session, Seq: 1, Floor: 1, Key: "k", Delta: 5}
	first, err := c.conn.Write(t.Context(), 0, add)
	if err != nil || first.Number != 5 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, conn := range []wire.Conn{g.connect("n2"), g.dial("n2"), g.dial("n1")} {
		again, err := conn.Write(t.Context(), 0, add)
		again.ID = 0
		if err != nil || again.Status != first.Status || again.Position != first.Position || again.Number != first.Number {
			t.Errorf("repeated: %+v, %v; first %+v", again, err, first)
		}
	}
}

// A session without a command expires by the group's ticks alone.
func TestSessionExpires(t *testing.T) {
	const ttl, tick = 100 * time.Millisecond, 10 * time.Millisecond
	g := newGroup(t, registry.Settings{SessionTTL: ttl, Tick: tick})
	g.start("n1", nil)
	c := g.client("n1")
	// A tick counts for its interval at most, so as many must pass.
	eventually(t, "ticks", func() bool { return g.logs["n1"].count(wire.OpClock) > int(2*ttl/tick) })
	late := wire.Command{Op: wire.OpSet, Session: c.session, Seq: 1, Floor: 1, Key: "k", Value: []byte("late")}
	reply, err := c.conn.Write(t.Context(), 0, late)
	if err != nil || reply.Status != wire.StatusSessionExpired {
		t.Errorf("%+v, %v", reply, err)
	}
	if reply, err := read(t.Context(), c.conn, "k", 0, true); err != nil || reply.Status != wire.StatusNotFound {
		t.Errorf("read %+v, %v", reply, err)
	}
}

// count counts the commands of a kind that were delivered.
func (l *deliveryLog) count(op wire.Op) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, d := range l.messages {
		rest := d.Payload
		for range d.Count {
			c, after, err := wire.DecodeCommand(rest)
			if err == nil && c.Op == op {
				n++
			}
			rest = after
		}
	}
	return n
}

// A strong read that begins after a write was acknowledged, anywhere, sees it.
func TestStrongReads(t *testing.T) {
	levels(t, func(t *testing.T, settings registry.Settings) {
		settings.Detection = time.Minute // none is to be excluded
		g := newGroup(t, settings)
		g.startAll(3)
		var mu sync.Mutex // guards acknowledged
		acknowledged := int64(0)
		var all sync.WaitGroup
		for i := range 3 {
			c := g.client(fmt.Sprintf("n%d", i+1))
			all.Go(func() {
				for range 100 {
					reply := c.write(wire.Command{Op: wire.OpAdd, Key: "k", Delta: 1})
					mu.Lock()
					acknowledged = max(acknowledged, reply.Number)
					mu.Unlock()
				}
			})
		}
		for i := range 12 {
			id := fmt.Sprintf("n%d", i%3+1)
			conn := g.connect(id)
			if i >= 6 {
				conn = g.dial(id)
			}
			all.Go(func() {
				for range 50 {
					mu.Lock()
					least := acknowledged
					mu.Unlock()
					reply, err := read(t.Context(), conn, "k", 0, true)
					if err != nil || reply.Status == wire.StatusNotFound && least == 0 {
						continue
					}
					if got, err := strconv.ParseInt(string(reply.Data), 10, 64); err != nil || got < least {
						t.Errorf("a strong read got %q (%+v), %d had been acknowledged before", reply.Data, reply, least)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestParkedReads(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "v")
	for _, conn := range []wire.Conn{g.connect("n2"), g.dial("n2")} {
		// One that comes too early waits until the node is there.
		answer := make(chan wire.Reply, 1)
		ahead := c.seen + 1
		go func() {
			reply, err := conn.Get(context.WithoutCancel(t.Context()), "k", ahead, false)
			if err != nil {
				t.Error(err)
			}
			answer <- reply
		}()
		r := g.nodes["n2"].current.Load()
		eventually(t, "the read waits", func() bool {
			waits := len(answer) > 0 // a tick came first
			r.do(func(m *member.Member) { waits = waits || m.Status().Parked > 0 })
			return waits
		})
		c.set("k", "w")
		if reply := <-answer; reply.Status != wire.StatusOK || reply.Position < ahead {
			t.Errorf("%+v, wanted from %d", reply, ahead)
		}
		// One that nothing will ever answer ends with its time.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		reply, err := conn.Get(ctx, "k", g.farAway("n2"), false)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) && reply.Status != wire.StatusTimeout {
			t.Errorf("a read of the far future: %+v, %v", reply, err)
		}
		eventually(t, "the node forgets the read", func() bool {
			waits := true
			r.do(func(m *member.Member) { waits = m.Status().Parked > 0 })
			return !waits
		})
	}
}

// Strong reads and writes that cannot be ordered end with their time, too.
func TestNothingWaitsForever(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	var moved movedClock
	g.start("n1", moved.set)
	g.start("n2", nil)
	c := g.client("n1")
	release := g.hold("n2")
	r := g.nodes["n1"].current.Load()
	replies := make(chan wire.Reply, 3)
	answer := func(reply wire.Reply, err error) {
		if err != nil {
			t.Error(err)
		}
		replies <- reply
	}
	ctx := context.WithoutCancel(t.Context())
	go func() { answer(c.conn.Get(ctx, "k", 0, true)) }()
	write := wire.Command{Op: wire.OpSet, Session: c.session, Seq: 1, Floor: 1, Key: "k"}
	go func() { answer(c.conn.Write(ctx, 0, write)) }()
	conn := g.dial("n1")
	go func() { answer(conn.Get(ctx, "k", 0, true)) }()
	eventually(t, "they wait", func() bool {
		waiting := 0
		r.do(func(m *member.Member) { waiting = m.Status().UnderWay + m.Status().Parked })
		return waiting >= 4 // the strong reads share a barrier
	})
	moved.goOn(2 * member.DefaultTimeout)
	for range 3 {
		if reply := <-replies; reply.Status != wire.StatusTimeout {
			t.Errorf("%+v", reply)
		}
	}
	release()
	eventually(t, "the write is delivered all the same", func() bool {
		reply, err := c.conn.Get(ctx, "k", 0, true)
		return err == nil && reply.Status == wire.StatusOK
	})
}

// A writer that waits for admission goes away with its context.
func TestAdmissionEndsWithTheContext(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", func(cfg *Config) { cfg.MaxAdmittedBytes = 1 })
	g.start("n2", nil)
	c := g.client("n1")
	release := g.hold("n2")
	r := g.nodes["n1"].current.Load()
	full := func() bool { return r.underWay() > r.cfg.MaxAdmittedBytes }
	set := wire.Command{Op: wire.OpSet, Session: c.session, Seq: 1, Floor: 1, Key: "k"}
	first := make(chan wire.Reply, 1)
	go func() {
		reply, err := c.conn.Write(context.WithoutCancel(t.Context()), 0, set)
		if err != nil {
			t.Error(err)
		}
		first <- reply
	}()
	eventually(t, "the node is full", full)
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		set := set
		set.Seq = 2
		_, err := c.conn.Write(ctx, 0, set)
		second <- err
	}()
	cancel()
	if err := <-second; !errors.Is(err, wire.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("a write that was not admitted: %v", err)
	}
	release()
	if reply := <-first; reply.Status != wire.StatusOK {
		t.Errorf("%+v", reply)
	}
	eventually(t, "there is room again", func() bool { return !full() })
}

// Clients may not order what is the members' own.
func TestForbiddenCommands(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	for _, conn := range []wire.Conn{g.connect("n1"), g.dial("n1")} {
		for _, op := range []wire.Op{wire.OpBarrier, wire.OpTick, wire.OpClock, wire.OpAudit, wire.OpAuditVote} {
			reply, err := conn.Write(t.Context(), 0, wire.Command{Op: op, Key: "n1#1", Value: make([]byte, 8), Delta: 1000})
			if err != nil || reply.Status != wire.StatusBadRequest || !strings.Contains(string(reply.Data), op.String()+" is for members") {
				t.Errorf("op %d: %+v, %v", op, reply, err)
			}
		}
	}
}
