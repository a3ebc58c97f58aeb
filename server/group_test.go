package server

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// group is a registry and nodes in this process.
type group struct {
	t        *testing.T
	registry *registry.Registry
	nodes    map[string]*Node
}

func newGroup(t *testing.T, settings registry.Settings) *group {
	t.Helper()
	reg, err := StartRegistry(t.Context(), RegistryConfig{Settings: settings, Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	g := &group{t: t, registry: reg, nodes: map[string]*Node{}}
	t.Cleanup(func() {
		for id := range g.nodes {
			g.close(id)
		}
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// start starts a node; change may be nil.
func (g *group) start(id string, change func(*Config)) *Node {
	g.t.Helper()
	n, err := g.tryStart(id, change)
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

func (g *group) tryStart(id string, change func(*Config)) (*Node, error) {
	cfg := Config{ID: id, Registry: g.registry.Addr(), Logger: testLogger(g.t)}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	n, err := Start(ctx, cfg)
	if err == nil {
		g.nodes[id] = n
	}
	return n, err
}

func (g *group) close(id string) {
	g.t.Helper()
	if err := g.nodes[id].Close(); err != nil {
		g.t.Errorf("closing %s: %v", id, err)
	}
	delete(g.nodes, id)
}

func (g *group) kill(id string) {
	g.t.Helper()
	g.nodes[id].kill()
	delete(g.nodes, id)
}

// client is a session at a node, spoken to without the driver.
type client struct {
	t       *testing.T
	conn    wire.Conn
	session uint64
	seq     uint64
	seen    uint64
}

func (g *group) client(id string) *client {
	g.t.Helper()
	conn, err := g.nodes[id].Connect(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	c := &client{t: g.t, conn: conn}
	c.session = c.write(wire.Command{Op: wire.OpOpenSession}).Position
	return c
}

func (c *client) write(cmd wire.Command) wire.Reply {
	c.t.Helper()
	if cmd.Op != wire.OpOpenSession {
		c.seq++
		cmd.Session, cmd.Seq, cmd.Floor = c.session, c.seq, c.seq
	}
	reply, err := c.conn.Write(c.t.Context(), c.seen, cmd)
	if err != nil || reply.Status != wire.StatusOK {
		c.t.Fatalf("write %+v: %+v, %v", cmd, reply, err)
	}
	c.seen = max(c.seen, reply.Position)
	return reply
}

func (c *client) set(key, value string) {
	c.t.Helper()
	c.write(wire.Command{Op: wire.OpSet, Key: key, Value: []byte(value)})
}

// get reads what c has seen at another node, too.
func (c *client) get(conn wire.Conn, key string) string {
	c.t.Helper()
	reply, err := conn.Get(c.t.Context(), key, c.seen, false)
	if err != nil || reply.Status != wire.StatusOK {
		c.t.Fatalf("get %s: %+v, %v", key, reply, err)
	}
	return string(reply.Data)
}

func TestGroup(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	for i := range 3 {
		g.start(fmt.Sprintf("n%d", i+1), nil)
	}
	c := g.client("n1")
	for i := range 100 {
		c.set(fmt.Sprintf("k%d", i%10), fmt.Sprint(i))
	}
	for id := range g.nodes {
		if got := c.get(g.client(id).conn, "k9"); got != "99" {
			t.Errorf("%s has %q", id, got)
		}
	}
	g.start("n4", nil)
	if got := c.get(g.client("n4").conn, "k9"); got != "99" {
		t.Errorf("the joiner has %q", got)
	}
	g.close("n1")
	c2 := g.client("n2")
	c2.set("after", "leave")
	if got := c2.get(g.client("n4").conn, "after"); got != "leave" {
		t.Errorf("after the leave: %q", got)
	}
}

func TestCrash(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: 300 * time.Millisecond})
	for i := range 3 {
		g.start(fmt.Sprintf("n%d", i+1), nil)
	}
	c := g.client("n2")
	c.set("k", "before")
	g.kill("n1")
	c.set("k", "after")
	if got := c.get(g.client("n3").conn, "k"); got != "after" {
		t.Errorf("after the crash: %q", got)
	}
}
