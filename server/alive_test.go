package server

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// While a client's writes wait for room, it hears that its node serves, unless it is of an
// earlier release. Later it does not.
func TestTellsAlive(t *testing.T) {
	for version, wants := range map[uint16]bool{wire.VersionAlive: true, wire.VersionAlive - 1: false} {
		t.Run(strconv.Itoa(int(version)), func(t *testing.T) { tellsAlive(t, version, wants) })
	}
}

func tellsAlive(t *testing.T, version uint16, wants bool) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	session := g.client("n1").session
	conn, frames := g.rawOf("n1", version)
	release := g.hold("n1")
	const writes, value = 10, 200 << 10
	sent := sendWrites(conn, session, writes, value)
	alive, replies := 0, 0
	if !wants {
		release()
	}
	for replies < writes {
		kind, _, err := frames.Next()
		switch {
		case err != nil:
			t.Fatal(err)
		case kind == wire.FrameReply:
			replies++
		case kind != wire.FrameAlive:
			t.Fatalf("a frame of kind %d", kind)
		default:
			if alive++; alive == 3 {
				release()
			}
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if wants != (alive > 0) {
		t.Errorf("version %d: it says %d times that it serves", version, alive)
	}
	clients := g.nodes["n1"].current.Load().front.clients.all(false)
	eventually(t, "it says no more", func() bool {
		return !slices.ContainsFunc(clients, func(c *clientConn) bool { return c.comfort.waits.Load() })
	})
}

// A client with too many requests under way is not read either, and hears it, too.
func TestTellsAliveWithManyCalls(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	conn, frames := g.rawOf("n1", wire.VersionAlive)
	release := g.hold("n1")
	var b []byte
	for i := range 2 * maxCalls {
		b = wire.AppendRequest(b, &wire.Request{ID: uint64(i + 1), Kind: wire.RequestGetStrong, Key: "k"})
	}
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	for alive := 0; alive < 3; {
		kind, _, err := frames.Next()
		if err != nil || kind != wire.FrameAlive {
			t.Fatalf("a frame of kind %d, %v", kind, err)
		}
		alive++
	}
	release()
	for replies := 0; replies < 2*maxCalls; {
		kind, _, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == wire.FrameReply {
			replies++
		}
	}
}

// A node whose lease has run out does not say that it serves, so that its clients look for another.
func TestTellsAliveWithALeaseOnly(t *testing.T) {
	g := newGroup(t, fast())
	g.startAll(2)
	session := g.client("n1").session
	conn, frames := g.rawOf("n2", wire.VersionAlive)
	release := g.hold("n2")
	sent := sendWrites(conn, session, 10, 200<<10)
	kind, _, err := frames.Next()
	if err != nil || kind != wire.FrameAlive {
		t.Fatalf("with a lease: a frame of kind %d, %v", kind, err)
	}
	r := g.nodes["n2"].current.Load()
	eventually(t, "the lease has run out", func() bool { return !r.serves() })
	client := r.front.clients.all(false)[0]
	mark := func() {
		client.say(func(dst []byte) []byte { return wire.AppendReply(dst, &wire.Reply{}) })
	}
	mark()
	for range 3 {
		client.tellAlive()
	}
	mark()
	alive := 0
	for marks := 0; marks < 2; {
		switch kind, _, err := frames.Next(); {
		case err != nil:
			t.Fatal(err)
		case kind == wire.FrameReply:
			marks++
		case marks == 1:
			alive++
		}
	}
	if alive > 1 { // one that the timer began with a lease
		t.Errorf("without a lease it says %d times that it serves", alive)
	}
	if !client.comfort.waits.Load() {
		t.Error("nothing waits any more")
	}
	release()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Log("the rest was not sent: ", err)
	}
}
