package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// dialRaw connects without a handshake.
func (g *group) dialRaw(id string) net.Conn {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.nodes[id].Addr())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// raw connects as a client, without anything on top.
func (g *group) raw(id string) (net.Conn, *wire.FrameReader) {
	g.t.Helper()
	return g.rawOf(id, wire.VersionAlive-1)
}

// rawOf is raw for a client that speaks an earlier version of the protocol.
func (g *group) rawOf(id string, version uint16) (net.Conn, *wire.FrameReader) {
	g.t.Helper()
	conn := g.dialRaw(id)
	if err := wire.WriteHello(conn, wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: version}); err != nil {
		g.t.Fatal(err)
	}
	reply, err := wire.ReadHelloReply(conn)
	if err != nil || reply.Status != wire.StatusOK {
		g.t.Fatal(reply, err)
	}
	return conn, wire.NewFrameReader(conn, 32<<20)
}

// ends fails unless the node ends the connection.
func ends(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is still there: %v", err)
	}
}

func TestHandshakeRefusals(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	good := wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}
	for name, tc := range map[string]struct {
		change func(*wire.Hello)
		status wire.Status
	}{
		"version":    {func(h *wire.Hello) { h.MinVersion, h.MaxVersion = 100, 200 }, wire.StatusVersion},
		"role":       {func(h *wire.Hello) { h.Role = 9 }, wire.StatusBadRequest},
		"group":      {func(h *wire.Hello) { h.Group = 1 }, wire.StatusGeneration},
		"generation": {func(h *wire.Hello) { h.Group, h.Generation = g.nodes["n1"].Status().Group, 7 }, wire.StatusGeneration},
		"link":       {func(h *wire.Hello) { h.Role = wire.RolePeer }, wire.StatusBadRequest},
	} {
		conn := g.dialRaw("n1")
		hello := good
		tc.change(&hello)
		if err := wire.WriteHello(conn, hello); err != nil {
			t.Fatal(err)
		}
		reply, err := wire.ReadHelloReply(conn)
		if err != nil || reply.Status != tc.status || reply.Message == "" {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
		ends(t, conn)
	}
}

// What makes no sense ends its connection, at once, and harms nobody else.
func TestGarbage(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	c := g.client("n1")
	c.set("k", "v")
	other := g.dial("n1")
	for name, bytes := range map[string]string{
		"another protocol": "GET / HTTP/1.1\r\n\r\n",
		"long hello":       wire.Magic + "\xff\xff\xff\xff",
		"garbled hello":    wire.Magic + "\x03\x00\x00\x00\x01\xff\xff",
	} {
		conn := g.dialRaw("n1")
		if _, err := io.WriteString(conn, bytes); err != nil {
			t.Fatal(err)
		}
		ends(t, conn)
		if got := c.get(other, "k"); got != "v" {
			t.Errorf("after %s: %q", name, got)
		}
	}
	request := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestGet, Key: "k"})
	huge := binary.LittleEndian.AppendUint32(nil, 1<<31)
	for name, frame := range map[string][]byte{
		"no kind":      make([]byte, 4),
		"wrong kind":   append(binary.LittleEndian.AppendUint32(nil, 1), wire.FrameReply),
		"empty":        append(binary.LittleEndian.AppendUint32(nil, 1), wire.FrameRequest),
		"unknown":      append(binary.LittleEndian.AppendUint32(nil, 5), wire.FrameRequest, 1, 99, 0, 0),
		"huge":         huge,
		"bad command":  append(binary.LittleEndian.AppendUint32(nil, 6), wire.FrameRequest, 1, byte(wire.RequestWrite), 0, 0, 77),
		"random bytes": []byte(strings.Repeat("\x9c\x01\xf3", 100)),
	} {
		conn, frames := g.raw("n1")
		if _, err := conn.Write(append(append([]byte(nil), request...), frame...)); err != nil {
			t.Fatal(err)
		}
		if name == "no kind" { // what came before is answered, as a rule
			if kind, _, err := frames.Next(); err == nil && kind != wire.FrameReply {
				t.Errorf("%s: frame of kind %d", name, kind)
			}
		}
		ends(t, conn)
		if got := c.get(other, "k"); got != "v" {
			t.Errorf("after %s: %q", name, got)
		}
	}
	conn, _ := g.raw("n1") // half a frame, and gone
	if _, err := conn.Write(request[:len(request)-1]); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	eventually(t, "all but two connections end", func() bool { return g.nodes["n1"].Status().Clients == 1 })
}

func TestOversizedWrites(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxValueBytes = 1000 })
	c := g.client("n1")
	for _, conn := range []wire.Conn{c.conn, g.dial("n1")} {
		for _, tc := range []struct {
			key    string
			bytes  int
			status wire.Status
		}{
			{"k", 1000, wire.StatusOK},
			{"k", 1001, wire.StatusTooLarge},
			{strings.Repeat("k", 1024), 1, wire.StatusOK},
			{strings.Repeat("k", 1025), 1, wire.StatusTooLarge},
			{"", 1, wire.StatusBadRequest},
			{"\x00k", 1, wire.StatusBadRequest},
		} {
			c.seq++
			reply, err := conn.Write(t.Context(), 0, wire.Command{
				Op: wire.OpSet, Session: c.session, Seq: c.seq, Floor: c.seq, Key: tc.key, Value: make([]byte, tc.bytes),
			})
			if err != nil || reply.Status != tc.status {
				t.Errorf("key of %d, value of %d bytes: %+v, %v", len(tc.key), tc.bytes, reply, err)
			}
		}
	}
	// One beyond what a frame may have ends its connection.
	conn, _ := g.raw("n1")
	frame := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Value: make([]byte, wire.MaxTxnBytes+1<<16)}})
	if _, err := conn.Write(frame); err == nil {
		ends(t, conn)
	}
	c.set("k", "v")
}

func TestTooManyConnections(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxConns = 2 })
	one, two := g.dial("n1"), g.dial("n1")
	for _, conn := range []wire.Conn{one, two} {
		if err := conn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := driverside.Dial(t.Context(), g.nodes["n1"].Addr(), driverside.Options{})
	var refused *driverside.RefusedError
	if !errors.As(err, &refused) || refused.Status != wire.StatusUnavailable || !strings.Contains(refused.Message, "2 client connections") {
		t.Errorf("one more: %v", err)
	}
	g.start("n2", nil) // members get in all the same
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "there is room again", func() bool {
		conn, err := driverside.Dial(t.Context(), g.nodes["n1"].Addr(), driverside.Options{})
		return err == nil && conn.Close() == nil
	})
}

func TestTooManyInFlight(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", func(c *Config) { c.MaxInFlight = 10 })
	well := g.dial("n1")
	conn, _ := g.raw("n1")
	var requests []byte
	for i := range 11 {
		requests = wire.AppendRequest(requests, &wire.Request{ID: uint64(i), Kind: wire.RequestGet, Key: "k", Position: g.farAway("n1")})
	}
	if _, err := conn.Write(requests); err != nil {
		t.Fatal(err)
	}
	ends(t, conn)
	if err := well.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// A client that does not read is not read from: what waits for it is bounded,
// and others are served. Once it reads it has all its answers.
func TestClientThatDoesNotRead(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	c := g.client("n1")
	c.set("k", string(make([]byte, 1<<20)))
	conn, frames := g.raw("n1")
	const requests = 64
	written := make(chan error, 1)
	go func() {
		for i := range requests {
			if _, err := conn.Write(wire.AppendRequest(nil, &wire.Request{ID: uint64(i), Kind: wire.RequestGet, Key: "k"})); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	r := g.nodes["n1"].current.Load()
	var lazy *clientConn
	eventually(t, "replies pile up", func() bool {
		for _, c := range r.front.clients.all(false) {
			lazy = c
		}
		return lazy != nil && lazy.out.Buffered() > slowReader
	})
	for range 20 {
		c.set("other", "v")
	}
	if n := lazy.out.Buffered(); n > 2*slowReader {
		t.Errorf("%d bytes wait", n)
	}
	for i := range requests {
		kind, body, err := frames.Next()
		if err != nil || kind != wire.FrameReply {
			t.Fatal(kind, err)
		}
		reply, err := wire.DecodeReply(body)
		if err != nil || reply.ID != uint64(i) || len(reply.Data) != 1<<20 {
			t.Fatalf("reply %d, %v, wanted %d", reply.ID, err, i)
		}
	}
}

// Who connects and says nothing is not kept.
func TestHalfOpenHello(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n := g.start("n1", nil)
	near, far := net.Pipe()
	defer near.Close()
	conn := &deadlineConn{Conn: far}
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		n.greet(conn)
	}()
	if _, err := io.WriteString(near, wire.Magic); err != nil {
		t.Fatal(err)
	}
	// The time is up sooner than it would be.
	if conn.last.After(time.Now().Add(helloTimeout)) || conn.last.IsZero() {
		t.Errorf("deadline %v", conn.last)
	}
	if err := far.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	<-greeted
}

// A leaving node sends its clients elsewhere before it goes.
func TestGoAway(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	conn, frames := g.raw("n2")
	clients := &g.nodes["n2"].current.Load().front.clients
	eventually(t, "it is a client", func() bool { return clients.len() == 1 })
	n := g.remove("n2")
	done := make(chan error, 1)
	go func() { done <- n.Leave(context.WithoutCancel(t.Context()), false) }()
	kind, body, err := frames.Next()
	if err != nil || kind != wire.FrameGoAway || !strings.Contains(wire.DecodeGoAway(body), "n2") {
		t.Errorf("frame of kind %d, %v", kind, err)
	}
	ends(t, conn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A joiner whose limits differ from the group's can never load a state.
func TestJoinerWithOtherLimits(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxValueBytes = 4096 })
	_, err := g.tryStart("n2", func(c *Config) { c.MaxValueBytes = 8192 })
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "MaxValueBytes is 4096 there and 8192 here") {
		t.Errorf("Start: %v", err)
	}
	g.start("n3", func(c *Config) { c.MaxValueBytes = 4096 })
}

// A cut with all that the largest view may have undelivered is no longer than a
// record may be.
func TestMaxRecordBytes(t *testing.T) {
	c := Config{}.withDefaults()
	if got, least := c.maxRecordBytes(), membership.MaxNodes*(undeliveredBytes+c.MaxBatchBytes+c.MaxValueBytes/1024); got < least || got >= math.MaxInt32 {
		t.Errorf("by default %d, want at least %d", got, least)
	}
	c.Window, c.MaxBatchBytes, c.MaxValueBytes = 64, 16<<20, 16<<20
	if got := c.maxRecordBytes(); got != math.MaxInt32 {
		t.Errorf("at most %d", got)
	}
}
