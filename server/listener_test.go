package server

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/connset"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// scriptedListener accepts what the test says.
type scriptedListener struct {
	net.Listener
	next chan func() (net.Conn, error)
}

func (l scriptedListener) Accept() (net.Conn, error) { return (<-l.next)() }

// bareNode is a node that has not registered, and has room for some connections.
func bareNode(h *lone, conns int) *Node {
	return &Node{cfg: *h.cfg, log: h.replica.log, conns: connset.New(conns), closing: make(chan struct{}), maxClients: 2}
}

// A node goes on accepting after an error that may pass, once it has waited a little.
func TestAcceptGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		n := bareNode(h, 10)
		l := scriptedListener{next: make(chan func() (net.Conn, error))}
		n.listener = l
		accept := func() (ended chan struct{}) {
			ended = make(chan struct{})
			go func() {
				defer close(ended)
				n.accept()
			}()
			return ended
		}
		fails := func() (net.Conn, error) { return nil, errors.New("too many open files") }
		ended := accept()
		began := time.Now()
		l.next <- fails
		l.next <- fails
		near, far := net.Pipe()
		l.next <- func() (net.Conn, error) { return near, nil }
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("it goes on after %v", took)
		}
		began = time.Now()
		if b, err := io.ReadAll(far); len(b) > 0 || err != nil || time.Since(began) != helloTimeout {
			t.Errorf("one that says nothing: %q, %v after %v", b, err, time.Since(began))
		}
		l.next <- func() (net.Conn, error) { return nil, net.ErrClosed }
		<-ended
		ended = accept()
		l.next <- fails
		close(n.closing)
		began = time.Now()
		<-ended
		if took := time.Since(began); took != 0 {
			t.Errorf("a node that closes goes on for %v", took)
		}
		n.background.Wait()
		if n.conns.DropIdle() {
			t.Error("a connection is left")
		}
	})
}

// A connection that there is no place for, or that lost it, is closed.
func TestGreetWithoutPlace(t *testing.T) {
	h := newLone(t, Config{})
	n := bareNode(h, 1)
	if err := n.conns.Close(); err != nil {
		t.Error(err)
	}
	near, far := net.Pipe()
	conn := &timedConn{Conn: near}
	n.greet(conn)
	if !conn.wasClosed() {
		t.Error("it is left open")
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := n.settle(conn, n.conns.Idle, clientBuffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one that lost its place: %v", err)
	}
}

// greetAs greets a node, which has a replica or not, and returns the answer and what
// comes then.
func greetAs(t *testing.T, n *Node, hello wire.Hello) (reply wire.HelloReply, conn *timedConn, far net.Conn, greeted chan struct{}) {
	t.Helper()
	near, far := net.Pipe()
	conn, greeted = &timedConn{Conn: near}, make(chan struct{})
	go func() {
		defer close(greeted)
		n.greet(conn)
	}()
	hello.MinVersion, hello.MaxVersion = wire.MinVersion, wire.MaxVersion
	if err := wire.WriteHello(far, hello); err != nil {
		t.Error(err)
	}
	reply, err := wire.ReadHelloReply(far)
	if err != nil {
		t.Error(err)
	}
	return reply, conn, far, greeted
}

// A connection that is welcome has all the time that it wants, and its place ends with
// it; one that is not is closed.
func TestGreet(t *testing.T) {
	h := newLone(t, Config{})
	n := bareNode(h, 10)
	reply, conn, _, greeted := greetAs(t, n, wire.Hello{Role: wire.RoleClient})
	<-greeted
	if reply.Status != wire.StatusUnavailable || !conn.wasClosed() || n.conns.Busy(conn) {
		t.Errorf("before it has registered: %+v", reply)
	}
	h.begin()
	n.current.Store(h.replica)
	reply, conn, far, greeted := greetAs(t, n, wire.Hello{Role: wire.RoleClient, Extra: []byte{wire.StaleReads}})
	if reply.Status != wire.StatusOK {
		t.Fatalf("a client: %+v", reply)
	}
	eventually(t, "it is a client", func() bool { return h.front.clients.len() == 1 })
	if all := conn.all; len(all) != 2 || all[0].IsZero() || !all[1].IsZero() {
		t.Errorf("its deadlines %v", all)
	}
	if c := h.front.clients.all(false)[0]; !c.stale {
		t.Error("it does not accept what is stale")
	}
	far.Close()
	<-greeted
	if h.front.clients.len() != 0 || n.conns.Busy(conn) {
		t.Error("its place is taken still")
	}
	reply, conn, far, greeted = greetAs(t, n, *joinerHello(2))
	if reply.Status != wire.StatusBadRequest || !strings.Contains(reply.Message, "names its group") {
		t.Errorf("a joiner: %+v", reply)
	}
	<-greeted
	if !conn.wasClosed() {
		t.Error("a joiner that is refused is not let go")
	}
	far.Close()
}

// Who is served, and what the others are told.
func TestJudge(t *testing.T) {
	h := newLone(t, Config{})
	h.group, h.generation = 5, 6
	n := bareNode(h, 10)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	client := wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}
	stale, joiner, peer, odd, old := client, client, client, client, client
	stale.Extra = []byte{wire.StaleReads}
	joiner.Role, joiner.Group, joiner.Generation = wire.RoleObserve, 5, 6
	peer.Role, odd.Role = wire.RolePeer, 9
	old.MinVersion, old.MaxVersion = 100, 200
	lost, foreign, earlier, nameless := joiner, stale, stale, joiner
	lost.Generation = 7
	foreign.Group, foreign.Generation = 4, 6
	earlier.Group, earlier.Generation = 5, 5
	nameless.Group = 0
	check := func(when string, r *replica, hello *wire.Hello, status wire.Status, text string, extra bool) {
		t.Helper()
		reply := n.judge(r, hello)
		if reply.Status != status || !strings.Contains(reply.Message, text) || (len(reply.Extra) > 0) != extra {
			t.Errorf("%s: %+v, want status %d, %q", when, reply, status, text)
		}
		if status == wire.StatusOK && (reply.Version != wire.MaxVersion || reply.Info.Group != 5) {
			t.Errorf("%s: %+v", when, reply)
		}
	}
	const member1, lease = "n1 is not a member", "has no lease"
	n.cfg.ID = "n1"
	check("not registered", nil, &client, wire.StatusUnavailable, member1, false)
	check("not registered", nil, &stale, wire.StatusUnavailable, member1, true)
	check("not registered", nil, &joiner, wire.StatusUnavailable, member1, false)
	check("not registered", nil, &peer, wire.StatusUnavailable, member1, false)
	check("not registered", nil, &old, wire.StatusVersion, "", false)
	check("not registered", nil, &odd, wire.StatusBadRequest, "role 9", false)
	check("no view", h.replica, &client, wire.StatusUnavailable, member1, false)
	check("no view", h.replica, &joiner, wire.StatusUnavailable, member1, false)
	h.begin()
	if !h.serves() {
		t.Fatal("it has no lease")
	}
	for _, hello := range []*wire.Hello{&client, &stale, &joiner} {
		check("all is well", h.replica, hello, wire.StatusOK, "", false)
	}
	check("all is well", h.replica, &nameless, wire.StatusBadRequest, "names its group", false)
	check("all is well", h.replica, &lost, wire.StatusGeneration, "", false)
	check("all is well", h.replica, &foreign, wire.StatusGeneration, "not of group 4", false)
	check("all is well", h.replica, &earlier, wire.StatusGeneration, "generation 5", false)
	check("all is well", h.replica, &peer, wire.StatusUnavailable, member1, false)
	for range n.maxClients {
		check("room", h.replica, &client, wire.StatusOK, "", false)
		h.front.clients.add(newClientConn(h.front, near, nil))
	}
	check("full", h.replica, &client, wire.StatusUnavailable, "its limit", false)
	check("full", h.replica, &joiner, wire.StatusOK, "", false)
	idle, other := net.Pipe()
	defer other.Close()
	n.conns.Add(idle)
	n.conns.Idle(idle)
	check("one is idle", h.replica, &client, wire.StatusOK, "", false)
	n.maxClients = 10
	h.do(func(m *member.Member) { m.Leave(false) })
	check("leaving", h.replica, &client, wire.StatusUnavailable, "is leaving", false)
	check("leaving", h.replica, &joiner, wire.StatusOK, "", false) // it may be the only one with the state
	check("leaving", h.replica, &stale, wire.StatusUnavailable, "is leaving", true)
	h.do(func(m *member.Member) { m.Stay() })
	h.do(func(m *member.Member) { m.Damaged(errors.New("a bit")) })
	check("damaged", h.replica, &client, wire.StatusUnavailable, "a bit: try another", false)
	check("damaged", h.replica, &stale, wire.StatusOK, "", false)
	check("damaged", h.replica, &joiner, wire.StatusUnavailable, "a bit: load the state of another", false)
}

// Without a lease only those are served who accept what is stale, and joiners.
func TestJudgeWithoutLease(t *testing.T) {
	var now atomic.Int64
	now.Store(int64(time.Hour))
	h := newLone(t, Config{clock: clock.Of(&clock.Virtual{Now: func() clock.Moment {
		return clock.Moment{Steady: time.Duration(now.Load()), Wall: time.Duration(now.Load())}
	}, Count: func() uint64 { return 0 }})})
	n := bareNode(h, 10)
	h.begin()
	for !h.tryHold() { // so that it cannot ask for another one
		runtime.Gosched()
	}
	defer h.takeTurns()
	now.Add(int64(time.Hour))
	client := wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}
	if reply := n.judge(h.replica, &client); reply.Status != wire.StatusUnavailable || !strings.Contains(reply.Message, "has no lease") {
		t.Errorf("a client: %+v", reply)
	}
	stale, joiner := client, client
	stale.Extra = []byte{wire.StaleReads}
	h.group, joiner.Role, joiner.Group = 5, wire.RoleObserve, 5
	for _, hello := range []*wire.Hello{&stale, &joiner} {
		if reply := n.judge(h.replica, hello); reply.Status != wire.StatusOK {
			t.Errorf("role %d: %+v", hello.Role, reply)
		}
	}
}

// A client that is greeted while the node leaves is told to go, and one that is greeted
// when it has ended is let go.
func TestServeClientTooLate(t *testing.T) {
	for name, late := range map[string]func(h *lone){
		"leaving": func(h *lone) { h.do(func(m *member.Member) { m.Leave(false) }) },
		"ended":   func(h *lone) { h.front.close() },
	} {
		h := newLone(t, Config{})
		h.begin()
		n := bareNode(h, 10)
		late(h)
		near, far := net.Pipe()
		n.conns.Add(near)
		served := make(chan struct{})
		go func() {
			defer close(served)
			n.serveClient(h.replica, near, &wire.Hello{Role: wire.RoleClient}, wire.MaxVersion)
		}()
		frames := wire.NewFrameReader(far, 1<<20)
		if name == "ended" {
			for {
				if _, _, err := frames.Next(); err != nil {
					break // it hangs up
				}
			}
		} else if kind, _, err := frames.Next(); err != nil || kind != wire.FrameGoAway {
			t.Errorf("%s: a frame of kind %d, %v", name, kind, err)
		}
		far.Close()
		<-served
		if h.front.clients.len() != 0 || n.conns.Busy(near) {
			t.Errorf("%s: its place is taken still", name)
		}
	}
}
