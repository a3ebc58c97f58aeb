package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// fakeGroup is a group's state, of which fakeNodes are the replicas: one map
// under a lock, with sessions as the real one has them.
type fakeGroup struct {
	mu         sync.Mutex
	group      uint64
	generation uint64
	position   uint64
	history    map[string][]fakeVersion // by key, oldest first
	sessions   map[uint64]*fakeSession
	executed   map[[2]uint64]int // by session and seq: how often it took effect
	commands   []wire.Op         // all that was ordered
	ttl        time.Duration
	maxValue   uint32
	maxTxn     uint32 // bound of transactions, 0: the nodes know none
	inFlight   uint32
	most       int    // sessions of the client, 0: no bound
	forgotten  uint64 // states below are not kept
	client     string // as the latest has called itself
}

type fakeVersion struct {
	position uint64
	value    []byte // nil: deleted
}

type fakeSession struct {
	floor   uint64
	results map[uint64]wire.Result
}

func newFakeGroup() *fakeGroup {
	g := &fakeGroup{group: 0xfeed, ttl: time.Minute, maxValue: 1 << 20, maxTxn: wire.MaxTxnBytes, inFlight: 101}
	g.reset()
	return g
}

// reset begins a new generation.
func (g *fakeGroup) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.generation++
	g.position = 0
	g.history = make(map[string][]fakeVersion)
	g.sessions = make(map[uint64]*fakeSession)
	g.executed = make(map[[2]uint64]int)
}

// at returns the version of key at a position.
func (g *fakeGroup) at(key string, position uint64) fakeVersion {
	var found fakeVersion
	for _, v := range g.history[key] {
		if v.position <= position {
			found = v
		}
	}
	return found
}

// apply executes a command once.
func (g *fakeGroup) apply(c wire.Command) wire.Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.commands = append(g.commands, c.Op)
	g.position++
	if c.Op.Opens() {
		if g.most > 0 && len(g.sessions) >= g.most {
			return wire.Result{Status: wire.StatusTooManySessions, Position: g.position, Number: wire.BoundOfClient, Version: uint64(g.most)}
		}
		g.sessions[g.position] = &fakeSession{results: make(map[uint64]wire.Result)}
		return wire.Result{Position: g.position}
	}
	s := g.sessions[c.Session]
	switch {
	case s == nil:
		return wire.Result{Status: wire.StatusSessionExpired, Position: g.position}
	case c.Op == wire.OpRenewSession:
		return wire.Result{Position: g.position}
	case c.Op == wire.OpCloseSession:
		delete(g.sessions, c.Session)
		return wire.Result{Position: g.position}
	}
	s.floor = max(s.floor, c.Floor)
	for seq := range s.results {
		if seq < s.floor {
			delete(s.results, seq)
		}
	}
	if c.Seq < s.floor {
		return wire.Result{Status: wire.StatusStaleSequence, Position: g.position}
	}
	if r, ok := s.results[c.Seq]; ok {
		return r
	}
	if _, executed := s.results[c.Prev]; c.Prev >= s.floor && !executed {
		return wire.Result{Status: wire.StatusOutOfOrder, Position: g.position}
	}
	g.executed[[2]uint64{c.Session, c.Seq}]++
	r := g.execute(c)
	s.results[c.Seq] = r
	return r
}

func (g *fakeGroup) execute(c wire.Command) wire.Result {
	present := g.at(c.Key, g.position)
	r := wire.Result{Position: g.position}
	put := func(value []byte) { g.history[c.Key] = append(g.history[c.Key], fakeVersion{g.position, value}) }
	switch c.Op {
	case wire.OpSet:
		put(append([]byte{}, c.Value...))
	case wire.OpDelete:
		if present.value == nil {
			r.Status = wire.StatusNotFound
		} else {
			put(nil)
		}
	case wire.OpAdd:
		n, err := strconv.ParseInt(string(present.value), 10, 64)
		if present.value != nil && err != nil {
			r.Status = wire.StatusNotInteger
			break
		}
		r.Number = n + c.Delta
		put([]byte(strconv.FormatInt(r.Number, 10)))
	case wire.OpCompareAndSet:
		version := present.position
		if present.value == nil {
			version = 0
		}
		if version != c.Expect {
			r.Status, r.Version = wire.StatusConflict, version
			break
		}
		put(append([]byte{}, c.Value...))
	case wire.OpTxn:
		g.transact(c.Value, &r)
	}
	return r
}

func (g *fakeGroup) count(op wire.Op) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, o := range g.commands {
		if o == op {
			n++
		}
	}
	return n
}

// expireAll forgets all sessions.
func (g *fakeGroup) expireAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.sessions)
}

// fault is what a fakeNode does wrong with one request.
type fault int

const (
	faultNone        fault = iota
	faultBreakBefore       // the connection breaks, the request is not executed
	faultBreakAfter        // it is executed, then the connection breaks
	faultUnavailable
	faultInterrupted // it is executed, but the node does not know
	faultTimeout     // it is not executed
	faultSilence     // executed, never answered
	faultIgnore      // not executed, never answered
	faultGarbage
	faultStale // it answers from the beginning of the order
	faultLate  // executed, answered two minutes later
)

// fakeNode serves a fakeGroup, over connections of the cluster.
type fakeNode struct {
	addr string
	c    *fakeCluster

	mu      sync.Mutex
	group   *fakeGroup
	down    bool
	lost    bool          // no packet reaches it: dialling takes as long as it may
	far     time.Duration // how long dialling takes
	mute    bool          // it accepts connections, and says nothing
	refuse  wire.Status
	greets  string // sent instead of the handshake's reply
	lag     uint64 // how many positions its replica is behind
	faults  func(*wire.Request) fault
	delay   func(*wire.Request) time.Duration
	conns   map[net.Conn]*sync.Mutex // of each, for writing
	dials   int
	dialled []time.Time
	served  int
	seen    []wire.Request // without their bytes
	stopped sync.WaitGroup
}

// fakeCluster is nodes that can be dialled without a network.
type fakeCluster struct {
	nodes map[string]*fakeNode
	group *fakeGroup
	waits sync.Once
}

// newFakeCluster makes nodes a:1, b:1, c:1 ...
func newFakeCluster(n int) *fakeCluster {
	c := &fakeCluster{nodes: make(map[string]*fakeNode), group: newFakeGroup()}
	for i := range n {
		addr := string(rune('a'+i)) + ":1"
		c.nodes[addr] = &fakeNode{addr: addr, c: c, group: c.group, conns: make(map[net.Conn]*sync.Mutex)}
	}
	return c
}

// dial is an Options.DialContext.
func (c *fakeCluster) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n := c.nodes[addr]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	n.dialled = append(n.dialled, time.Now())
	far := n.far
	if n.lost {
		far = time.Hour
	}
	n.mu.Unlock()
	err := client.Sleep(ctx, far)
	n.mu.Lock()
	if err != nil {
		return nil, err
	}
	if n.down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("%s: %w", addr, syscall.ECONNREFUSED)}
	}
	here, there := net.Pipe()
	writing := new(sync.Mutex)
	n.conns[there] = writing
	n.stopped.Go(func() { n.serve(there, writing) })
	return here, nil
}

// open returns a handle on all nodes, in a test's bubble.
func (c *fakeCluster) open(t testing.TB, options string) *DB {
	t.Helper()
	var addrs string
	for addr := range c.nodes {
		addrs += "," + addr
	}
	db, err := Open("dsm://" + addrs[1:] + "/?" + options)
	if err != nil {
		t.Fatal(err)
	}
	db.pool.source.(*servers).options.DialContext = c.dial
	c.waits.Do(func() { t.Cleanup(c.wait) }) // after all handles are closed
	closeLater(t, db)
	return db
}

// wait returns once the nodes have done with every connection: a request that
// they delay outlives its connection.
func (c *fakeCluster) wait() {
	for _, n := range c.nodes {
		n.stopped.Wait()
	}
}

// closeLater closes a handle at the end of the test, if the test has not.
func closeLater(t testing.TB, db *DB) {
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// set changes a node under its lock.
func (n *fakeNode) set(change func(*fakeNode)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// stop breaks all connections and accepts no more.
func (n *fakeNode) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	n.breakLocked()
}

func (n *fakeNode) breakLocked() {
	for conn := range n.conns {
		conn.Close()
	}
	clear(n.conns)
}

// goAway tells all clients that the node is leaving.
func (n *fakeNode) goAway() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn, writing := range n.conns {
		writing.Lock()
		_, _ = conn.Write(wire.AppendGoAway(nil, "leaving"))
		writing.Unlock()
	}
}

// requests returns what the node was asked.
func (n *fakeNode) requests() []wire.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen)
}

func (n *fakeNode) serve(conn net.Conn, writing *sync.Mutex) {
	defer conn.Close()
	hello, err := wire.ReadHello(conn)
	if err != nil {
		return
	}
	n.mu.Lock()
	greets, group, mute := n.greets, n.group, n.mute
	reply := wire.HelloReply{Status: n.refuse, Version: wire.MaxVersion, Message: "the test says so"}
	group.mu.Lock()
	group.client = hello.ClientName()
	reply.Info = wire.Info{
		Group: group.group, Generation: group.generation, NodeID: "node-" + n.addr[:1], Incarnation: 1, MaxKeyBytes: 1024,
		MaxValueBytes: group.maxValue, MaxInFlight: group.inFlight, SessionTTL: group.ttl,
		MaxTxnOps: group.maxTxn, MaxTxnBytes: group.maxTxn,
	}
	if hello.Group != 0 && (hello.Group != group.group || hello.Generation != group.generation) {
		reply.Status, reply.Info = wire.StatusGeneration, wire.Info{}
	}
	group.mu.Unlock()
	n.mu.Unlock()
	if mute {
		_, _ = conn.Read(make([]byte, 1)) // until the client gives up
		return
	}
	if greets != "" {
		_, _ = conn.Write([]byte(greets))
		return
	}
	if wire.WriteHelloReply(conn, reply) != nil || reply.Status != wire.StatusOK {
		return
	}
	var working sync.WaitGroup
	defer working.Wait()
	frames := wire.NewFrameReader(conn, 8<<20)
	for {
		_, body, err := frames.Next()
		if err != nil {
			return
		}
		r, err := wire.DecodeRequest(slices.Clone(body))
		if err != nil {
			return
		}
		n.mu.Lock()
		inOrder := r.Command.Prev != 0 && n.delay == nil
		n.mu.Unlock()
		var out []byte
		if inOrder {
			out = n.handle(&r, reply.Info)
		}
		working.Go(func() {
			if !inOrder {
				out = n.handle(&r, reply.Info)
			}
			if out != nil {
				writing.Lock()
				defer writing.Unlock()
				if _, err := conn.Write(out); err == nil && len(out) > 0 {
					return
				}
			} else {
				return
			}
			conn.Close()
		})
	}
}

// handle returns what to send: nothing at all for nil, the end of the connection
// for no bytes.
func (n *fakeNode) handle(r *wire.Request, info wire.Info) []byte {
	n.mu.Lock()
	n.served++
	n.seen = append(n.seen, *r)
	f, d := faultNone, time.Duration(0)
	if n.faults != nil {
		f = n.faults(r)
	}
	if n.delay != nil {
		d = n.delay(r)
	}
	group, lag := n.group, n.lag
	n.mu.Unlock()
	if d > 0 {
		<-time.After(d)
	}
	reply := wire.Reply{ID: r.ID}
	switch f {
	case faultBreakBefore:
		return []byte{}
	case faultGarbage:
		return []byte("garbage, garbage")
	case faultIgnore:
		return nil
	case faultStale:
		reply.Status = wire.StatusNotFound
		return wire.AppendReply(nil, &reply)
	case faultUnavailable:
		reply.Status = wire.StatusUnavailable
		return wire.AppendReply(nil, &reply)
	case faultTimeout:
		reply.Status = wire.StatusTimeout
		return wire.AppendReply(nil, &reply)
	}
	group.answer(r, &reply, lag, info)
	switch f {
	case faultBreakAfter:
		return []byte{}
	case faultSilence:
		return nil
	case faultLate:
		<-timeAfterTTL()
	case faultInterrupted:
		reply = wire.Reply{ID: r.ID, Status: wire.StatusInterrupted}
	}
	return wire.AppendReply(nil, &reply)
}

// answer executes a request as a good node does.
func (g *fakeGroup) answer(r *wire.Request, reply *wire.Reply, lag uint64, info wire.Info) {
	g.mu.Lock()
	if g.generation != info.Generation {
		g.mu.Unlock()
		reply.Status = wire.StatusGeneration
		return
	}
	switch r.Kind {
	case wire.RequestGet, wire.RequestGetStrong:
		defer g.mu.Unlock()
		at := max(g.position-min(lag, g.position), r.Position)
		if r.Kind == wire.RequestGetStrong {
			at = g.position
		}
		reply.Position = at
		v := g.at(r.Key, at)
		if v.value == nil {
			reply.Status = wire.StatusNotFound
			return
		}
		reply.Version, reply.Data = v.position, v.value
	case wire.RequestScan:
		defer g.mu.Unlock()
		g.scan(r, reply, max(g.position-min(lag, g.position), r.Position))
	case wire.RequestWrite:
		g.mu.Unlock()
		result := g.apply(r.Command)
		reply.Status, reply.Position = result.Status, result.Position
		reply.Version, reply.Number = result.Version, result.Number
	default:
		g.mu.Unlock()
	}
}

// wantErr fails the test unless err is all of the sentinels.
func wantErr(t testing.TB, err error, sentinels ...error) {
	t.Helper()
	for _, s := range sentinels {
		if !errors.Is(err, s) {
			t.Errorf("got %v, want it to be %q", err, s)
		}
	}
}

// wantNot fails the test if err is one of the sentinels.
func wantNot(t testing.TB, err error, sentinels ...error) {
	t.Helper()
	for _, s := range sentinels {
		if errors.Is(err, s) {
			t.Errorf("got %v, want it not to be %q", err, s)
		}
	}
}
