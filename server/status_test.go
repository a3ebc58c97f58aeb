package server

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// A joiner does not wait for a heartbeat: what the registry waits for is told at
// once. Here the next heartbeat would be due in minutes.
func TestJoinsWithoutHeartbeats(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.startAll(3)
	g.close("n2")
	g.start("n4", nil)
}

func TestStatus(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "v")
	raw, err := g.dial("n1").Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var told Status
	if err := json.Unmarshal(raw, &told); err != nil {
		t.Fatal(err)
	}
	if told.ID != "n1" || told.Phase != "normal" || told.Rank != 0 || told.Delivery != "safe" || told.Clients != 1 ||
		told.Position < c.seen || len(told.Members) != 2 || told.Members[1].ID != "n2" || !told.Members[1].Connected ||
		told.Members[1].PeerAddr != g.nodes["n2"].Addr() || told.ClientBytes < 0 || told.ClientBytesLimit != 512<<20 {
		t.Errorf("%s", raw)
	}
}

// deadlineConn notes the deadline that was set last.
type deadlineConn struct {
	net.Conn
	last time.Time
}

func (c *deadlineConn) SetDeadline(d time.Time) error {
	c.last = d
	return c.Conn.SetDeadline(d)
}

// A connection between members has no deadline once it has said that it is one.
func TestLinksHaveNoDeadline(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n := g.start("n1", nil)
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		hello := wire.Hello{Role: wire.RolePeer, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}
		if err := wire.WriteHello(near, hello); err != nil {
			t.Error(err)
		}
	}()
	conn := &deadlineConn{Conn: far}
	n.greet(conn)
	if !conn.last.IsZero() {
		t.Errorf("the link would break at %v", conn.last)
	}
}
