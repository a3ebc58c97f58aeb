package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// group is a registry and nodes in this process.
type group struct {
	t        *testing.T
	registry *registry.Registry

	mu    sync.Mutex // guards changes of what follows, and writers' looks
	nodes map[string]*Node
	logs  map[string]*deliveryLog // of nodes that were stopped, too
}

func newGroup(t *testing.T, settings registry.Settings) *group {
	t.Helper()
	checkLeaks(t)
	g := &group{t: t, nodes: map[string]*Node{}, logs: map[string]*deliveryLog{}}
	g.startRegistry(RegistryConfig{Settings: settings})
	t.Cleanup(func() {
		for id := range g.nodes {
			g.close(id)
		}
		if err := g.registry.Close(); err != nil {
			t.Error(err)
		}
		compareLogs(t, g.logs)
	})
	return g
}

func (g *group) startRegistry(cfg RegistryConfig) {
	g.t.Helper()
	cfg.Logger = testLogger(g.t)
	cfg.TokenFile = filepath.Join(g.t.TempDir(), "token")
	if err := os.WriteFile(cfg.TokenFile, []byte(operatorToken), 0o600); err != nil {
		g.t.Fatal(err)
	}
	reg, err := StartRegistry(g.t.Context(), cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	g.registry = reg
}

// operatorToken is that of a group's registry.
const operatorToken = "token-of-an-operator"

// operator returns a client of the registry that shows its token.
func (g *group) operator() *registry.Client {
	g.t.Helper()
	client, err := registry.Dial(g.registry.Addr())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(client.Close)
	client.UseToken(operatorToken)
	return client
}

// startAll starts nodes n1, n2 and so on.
func (g *group) startAll(n int) {
	g.t.Helper()
	for i := range n {
		g.start(fmt.Sprintf("n%d", i+1), nil)
	}
}

// pick returns one of the nodes that were not stopped; any number will do.
func (g *group) pick(number int) *Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	ids := slices.Sorted(maps.Keys(g.nodes))
	return g.nodes[ids[number%len(ids)]]
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
	log := newDeliveryLog()
	cfg := Config{
		ID: id, Registry: g.registry.Addr(), Logger: testLogger(g.t),
		OnDeliver: log.deliver, OnSnapshot: log.snapshot, OnBegin: log.begin,
		EventLoop: id == "n1", // both kinds of nodes meet
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	n, err := Start(ctx, cfg)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.nodes[id] = n
		g.logs[fmt.Sprintf("%s#%d", id, n.current.Load().self.Incarnation)] = log
		g.logs[id] = log
	}
	return n, err
}

// remove takes a node out of the list.
func (g *group) remove(id string) *Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[id]
	delete(g.nodes, id)
	return n
}

func (g *group) close(id string) {
	g.t.Helper()
	if err := g.remove(id).Close(); err != nil {
		g.t.Errorf("closing %s: %v", id, err)
	}
}

func (g *group) kill(id string) {
	g.t.Helper()
	g.remove(id).kill()
}

// hold keeps the node's protocol loop from going on until it is released.
func (g *group) hold(id string) (release func()) {
	r := g.nodes[id].current.Load()
	for !r.tryHold() { // others own the turn, for a moment
		runtime.Gosched()
	}
	release = sync.OnceFunc(r.takeTurns)
	g.t.Cleanup(release)
	return release
}

// dial connects to a node's port as a client.
func (g *group) dial(id string) *driverside.Conn {
	g.t.Helper()
	conn, err := driverside.Dial(g.t.Context(), g.nodes[id].Addr(), driverside.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			g.t.Log(err)
		}
	})
	return conn
}

// caller is a session at a node, spoken to without the driver.
type caller struct {
	t       *testing.T
	conn    wire.Conn
	session uint64
	seq     uint64
	seen    uint64
}

func (g *group) client(id string) *caller {
	g.t.Helper()
	c := &caller{t: g.t, conn: g.connect(id)}
	c.session = c.write(wire.Command{Op: wire.OpOpenSession}).Position
	return c
}

func (c *caller) write(cmd wire.Command) wire.Reply {
	c.t.Helper()
	if cmd.Op != wire.OpOpenSession {
		c.seq++
		cmd.Session, cmd.Seq, cmd.Floor = c.session, c.seq, c.seq
	}
	reply, err := c.conn.Write(c.t.Context(), c.seen, cmd)
	for err == nil && again(reply.Status) {
		reply, err = c.conn.Write(c.t.Context(), c.seen, cmd)
	}
	if err != nil || reply.Status != wire.StatusOK {
		c.t.Fatalf("write %+v: %+v, %v", cmd, reply, err)
	}
	c.seen = max(c.seen, reply.Position)
	return reply
}

// again tells whether a node may do better in a moment: on a slow machine its
// lease may run out.
func again(s wire.Status) bool { return s == wire.StatusUnavailable || s == wire.StatusInterrupted }

// read reads at a node until that does its best.
func read(ctx context.Context, conn wire.Conn, key string, position uint64, strong bool) (wire.Reply, error) {
	reply, err := conn.Get(ctx, key, position, strong)
	for err == nil && again(reply.Status) {
		reply, err = conn.Get(ctx, key, position, strong)
	}
	return reply, err
}

// barrier waits until the node has all that was acknowledged before.
func (c *caller) barrier() {
	c.t.Helper()
	reply, err := read(c.t.Context(), c.conn, "k", 0, true)
	if err != nil || reply.Status != wire.StatusOK && reply.Status != wire.StatusNotFound {
		c.t.Fatalf("strong read: %+v, %v", reply, err)
	}
	c.seen = max(c.seen, reply.Position)
}

func (c *caller) set(key, value string) {
	c.t.Helper()
	c.write(wire.Command{Op: wire.OpSet, Key: key, Value: []byte(value)})
}

// get reads what c has seen at another node, too.
func (c *caller) get(conn wire.Conn, key string) string {
	c.t.Helper()
	reply, err := read(c.t.Context(), conn, key, c.seen, false)
	if err != nil || reply.Status != wire.StatusOK {
		c.t.Fatalf("get %s: %+v, %v", key, reply, err)
	}
	return string(reply.Data)
}

func TestGroup(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(3)
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
	g.startAll(3)
	c := g.client("n2")
	c.set("k", "before")
	g.kill("n1")
	c.set("k", "after")
	if got := c.get(g.client("n3").conn, "k"); got != "after" {
		t.Errorf("after the crash: %q", got)
	}
}
