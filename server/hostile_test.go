package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// Clients that connect and ask for nothing keep nobody out: the oldest of them goes.
func TestIdleClientsMakeRoom(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxConns = 2 })
	r := g.nodes["n1"].current.Load()
	oldest, _ := g.raw("n1")
	eventually(t, "the oldest is a client", func() bool { return r.front.clients.len() == 1 })
	younger, _ := g.raw("n1")
	for _, idle := range []net.Conn{oldest, younger} {
		eventually(t, "two are clients", func() bool { return r.front.clients.len() == 2 })
		if err := g.dial("n1").Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		ends(t, idle)
	}
}

// A limit of open files that is low leaves room for what the node itself needs.
func TestConnLimits(t *testing.T) {
	for _, tc := range []struct{ maxConns, files, all, clients int }{
		{16384, 1 << 20, 16384 + spareConns, 16384},
		{16384, 20000, 16384 + spareConns, 16384},
		{16384, 4096, 4096 - ownFiles, 4096 - ownFiles - spareConns},
		{16384, 256, 128, 64},
		{10, 1024, 10 + spareConns, 10},
		{10, 1, 2, 1},
	} {
		if all, clients := connLimits(tc.maxConns, tc.files); all != tc.all || clients != tc.clients {
			t.Errorf("%d clients and %d files: %d connections, %d clients, want %d and %d", tc.maxConns, tc.files, all, clients, tc.all, tc.clients)
		}
	}
}

// gets asks for a variable so many times.
func gets(key string, n int) (b []byte) {
	for i := range n {
		b = wire.AppendRequest(b, &wire.Request{ID: uint64(i), Kind: wire.RequestGet, Key: key})
	}
	return b
}

// However many clients do not read, what waits for them is bounded together, and
// those furthest behind are cut off. Others are served.
func TestUnreadRepliesAreBounded(t *testing.T) {
	const limit, value, lazy = 4 << 20, 512 << 10, 12
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxUnreadBytes = limit })
	c := g.client("n1")
	c.set("k", string(make([]byte, value)))
	r := g.nodes["n1"].current.Load()
	for range lazy {
		conn, _ := g.raw("n1")
		if _, err := conn.Write(gets("k", 64)); err != nil {
			t.Fatal(err)
		}
	}
	most := int64(0)
	eventually(t, "some are cut off", func() bool {
		most = max(most, r.front.memory.Load())
		c.set("other", "v")
		return r.front.clients.len() < lazy
	})
	// Each may have a reply on its way to being counted.
	if slack := int64(lazy * (value + flushBytes)); most > limit+slack {
		t.Errorf("%d bytes waited, the limit is %d", most, limit)
	}
}

// A client that reads the deliveries, and asks for much beside, waits like others
// for its own reading.
func TestStreamThatDoesNotRead(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	const value = 512 << 10
	c := g.client("n1")
	c.set("k", string(make([]byte, value)))
	conn, frames := g.raw("n1")
	if _, err := conn.Write(wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestSubscribe})); err != nil {
		t.Fatal(err)
	}
	// Replies that come before the stream has begun wait elsewhere.
	if _, _, err := frames.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(gets("k", 64)); err != nil {
		t.Fatal(err)
	}
	r := g.nodes["n1"].current.Load()
	behind := 0
	eventually(t, "replies pile up", func() bool {
		r.do(func(*member.Member) {
			for _, f := range r.front.feeds {
				_, behind = f.standing()
			}
		})
		return behind > slowReader
	})
	for range 20 {
		c.set("other", "v")
		r.do(func(*member.Member) { _, behind = r.front.feeds[0].standing() })
		if behind > 2*slowReader+value {
			t.Fatalf("%d bytes wait", behind)
		}
	}
}

// sendWrites sends writes of values of so many bytes, one after the other without waiting for
// replies, and then says how that ended.
func sendWrites(conn net.Conn, session, writes uint64, value int) (sent chan error) {
	sent = make(chan error, 1)
	go func() {
		var err error
		for i := uint64(1); i <= writes && err == nil; i++ {
			_, err = conn.Write(wire.AppendRequest(nil, &wire.Request{ID: i, Kind: wire.RequestWrite, Command: wire.Command{
				Op: wire.OpSet, Session: session, Seq: i, Floor: i, Key: "k", Value: make([]byte, value),
			}}))
		}
		sent <- err
	}()
	return sent
}

// One client's writes that are under way are bounded; what more it sends waits in
// its connection, and all of it is done in the end.
func TestWritesUnderWayAreBounded(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	session := g.client("n1").session
	conn, frames := g.raw("n1")
	r := g.nodes["n1"].current.Load()
	release := g.hold("n1")
	const writes, value = 40, 200 << 10
	sent := sendWrites(conn, session, writes, value)
	underWay := func() (sum int64) {
		for _, c := range r.front.clients.all(false) { // none before its first write has come
			sum += c.underWay.Load()
		}
		return sum
	}
	eventually(t, "no other write has room", func() bool { return underWay() > maxUnderWay-value-2*commandCharge })
	if admitted := r.underWay(); admitted > maxUnderWay || underWay() > maxUnderWay {
		t.Errorf("%d bytes are admitted, %d under way", r.underWay(), underWay())
	}
	release()
	for range writes {
		if _, body, err := frames.Next(); err != nil {
			t.Fatal(err)
		} else if reply, err := wire.DecodeReply(body); err != nil || reply.Status != wire.StatusOK {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	if err := <-sent; err != nil || underWay() != 0 {
		t.Errorf("error %v, %d bytes under way", err, underWay())
	}
}

// readLimited notes the read deadline that was set last.
type readLimited struct {
	net.Conn
	mu   sync.Mutex // guards last
	last time.Time
}

func (c *readLimited) SetReadDeadline(d time.Time) error {
	c.mu.Lock()
	c.last = d
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(d)
}

func (c *readLimited) limit() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// A client may be silent between frames for as long as it likes, but not within one.
func TestClientStopsInAFrame(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	near, far := net.Pipe()
	defer near.Close()
	conn := &readLimited{Conn: far}
	asked := 0
	c := newClientConn(g.nodes["n1"].current.Load().front, conn, func() { asked++ })
	served := make(chan struct{})
	go func() { defer close(served); c.serve() }()
	frames := wire.NewFrameReader(near, 1<<20)
	ping := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestPing})
	for range 3 {
		for _, part := range [][]byte{ping[:5], ping[5:]} {
			if _, err := near.Write(part); err != nil {
				t.Fatal(err)
			}
			if len(part) == 5 {
				eventually(t, "a limit", func() bool { return !conn.limit().IsZero() })
				if conn.limit().After(time.Now().Add(framePatience + 5*time.Second/frameRate)) {
					t.Errorf("the limit is %v", conn.limit())
				}
			}
		}
		if _, _, err := frames.Next(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "no limit", func() bool { return conn.limit().IsZero() })
	}
	if asked != 1 {
		t.Errorf("told %d times that the client asks", asked)
	}
	if _, err := near.Write(ping[:5]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a limit", func() bool { return !conn.limit().IsZero() })
	if err := far.SetReadDeadline(time.Unix(1, 0)); err != nil { // sooner than it would be
		t.Fatal(err)
	}
	<-served
}

// The time for a frame counts from its beginning, and grows with what has come of it.
func TestClientSendsAFrameSlowly(t *testing.T) {
	h := newLone(t, Config{})
	near, far := net.Pipe()
	defer near.Close()
	conn := &readLimited{Conn: far}
	c := newClientConn(h.front, conn, nil)
	served := make(chan struct{})
	go func() { defer close(served); c.serve() }()
	frame := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Key: "k", Value: make([]byte, 256<<10)}})
	var before time.Time
	for i, part := range [][]byte{frame[:1], frame[1:2], frame[2 : 2+frameRate]} {
		if _, err := near.Write(part); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another limit", func() bool { return conn.limit().After(before) })
		limit := conn.limit()
		if grows := limit.Sub(before); i > 0 && grows > time.Duration(len(part))*time.Second/frameRate+1 {
			t.Errorf("%d bytes more gave it %v", len(part), grows)
		}
		before = limit
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	<-served
	if n := h.front.memory.Load(); n != 0 {
		t.Errorf("%d bytes still count", n)
	}
}

// However many clients do not finish a frame, what is kept for them is bounded together, and
// those with most are cut off. Others are served.
func TestUnfinishedFramesAreBounded(t *testing.T) {
	const limit, value, lazy = 4 << 20, 1 << 20, 12
	for name, looped := range map[string]bool{"goroutines": false, "loops": true} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.start("n1", func(c *Config) { c.MaxUnreadBytes, c.EventLoop = limit, looped })
			c := g.client("n1")
			front := g.nodes["n1"].current.Load().front
			frame := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Key: "k", Value: make([]byte, value)}})
			var ended atomic.Int32
			for range lazy {
				conn, _ := g.raw("n1")
				go func() {
					_, _ = conn.Write(frame[:len(frame)-1]) // as far as the node takes it
					_, _ = io.Copy(io.Discard, conn)
					ended.Add(1)
				}()
			}
			eventually(t, "some are cut off", func() bool { return ended.Load() >= lazy-limit/value })
			if n := front.memory.Load(); n > limit {
				t.Errorf("%d bytes are kept, the limit is %d", n, limit)
			}
			c.set("k", "v")
			conn, frames := g.raw("n1") // a frame that is finished does not count
			if _, err := conn.Write(frame); err != nil {
				t.Fatal(err)
			}
			if _, _, err := frames.Next(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nor within one that an event loop reads.
func TestClientStopsInAFrameOfALoop(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.EventLoop, c.framePatience = true, 100*time.Millisecond })
	conn, frames := g.raw("n1")
	ping := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestPing})
	if _, err := conn.Write(append(bytes.Clone(ping), ping[:5]...)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := frames.Next(); err != nil {
		t.Fatal(err)
	}
	ends(t, conn)
}

// Reads that wait do not outlive their connection, however much time they have.
func TestReadsOfTheGone(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	r := g.nodes["n1"].current.Load()
	parked := func() (n int) {
		r.do(func(m *member.Member) { n = m.Status().Parked })
		return n
	}
	conn, _ := g.raw("n1")
	request := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestGet, Key: "k", Position: g.farAway("n1"), Timeout: 1000 * time.Hour})
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return parked() == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is forgotten", func() bool { return parked() == 0 })
}

// Joiners that nobody has heard of, however many, are refused, and keep no other
// from joining.
func TestMadeUpJoiners(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n := g.start("n1", nil)
	const made = 4 * maxAwaited
	hello := wire.Hello{
		Role: wire.RoleObserve, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: n.Status().Group, Generation: n.Status().Generation,
	}
	replies := make(chan error, made)
	for i := range made {
		conn := g.dialRaw("n1")
		hello.Extra = binary.AppendUvarint(nil, uint64(1000+i))
		if err := wire.WriteHello(conn, hello); err != nil {
			t.Fatal(err)
		}
		go func() {
			reply, err := wire.ReadHelloReply(conn)
			if err == nil && reply.Status != wire.StatusUnavailable {
				t.Errorf("%+v", reply)
			}
			replies <- err
		}()
	}
	g.start("n2", nil)
	for range made {
		if err := <-replies; err != nil {
			t.Error(err)
		}
	}
	if left := n.current.Load().awaited.Load(); left != 0 {
		t.Errorf("%d are awaited", left)
	}
}
