package server

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// largest is the longest value that a node can be configured for.
const largest = 16 << 20

// writeAhead is the frame of a write in a session that is yet to be opened.
func writeAhead(session uint64, value []byte) []byte {
	return wire.AppendRequest(nil, &wire.Request{
		ID: 1, Kind: wire.RequestWrite, Command: wire.Command{Op: wire.OpSet, Session: session, Seq: 1, Floor: 1, Key: "k", Value: value},
	})
}

// A client that fails over to a node which has yet to learn of its session writes the largest value
// there is: the write waits at the node, and is done.
func TestLargestWriteWaitsForItsSession(t *testing.T) {
	g := newGroup(t, registry.Settings{Tick: time.Minute, Audit: time.Hour}) // what the group orders by itself does not pass the session
	for _, id := range []string{"n1", "n2"} {
		g.start(id, func(c *Config) { c.MaxValueBytes = largest })
	}
	other := g.dial("n2")
	for done := false; !done; {
		session, opened := g.nodes["n1"].current.Load().reader.State().Applied()+64, uint64(0)
		conn, frames := g.raw("n1")
		if _, err := conn.Write(writeAhead(session, make([]byte, largest))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it waits", func() bool { return g.parked("n1") == 1 })
		for opened < session {
			opened = ask(t, other, wire.Command{Op: wire.OpOpenSession}).Position
		}
		_, body, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		reply, err := wire.DecodeReply(body)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case opened > session && reply.Status == wire.StatusSessionExpired: // something else came there, such as the quota
		case reply.Status == wire.StatusOK:
			done = true
		default:
			t.Fatalf("%+v", reply)
		}
	}
	if got, err := other.Get(t.Context(), "k", 0, true); err != nil || len(got.Data) != largest {
		t.Errorf("%d bytes, %v", len(got.Data), err)
	}
}

// A write that waits for its session goes with its connection, and so does what it costs.
func TestWriteThatWaitsGoesWithItsConnection(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	r := g.nodes["n1"].current.Load()
	p := newPiped(t, r.front)
	frame := writeAhead(g.farAway("n1"), make([]byte, 1<<20))
	req, err := wire.DecodeRequest(frame[wire.HeaderBytes+1:])
	if err != nil {
		t.Fatal(err)
	}
	p.inFlight.Add(1)
	p.take(&req)
	p.submitWrites()
	eventually(t, "it waits", func() bool { return g.parked("n1") == 1 })
	if n := r.front.memory.Load(); n < 1<<20 {
		t.Errorf("it counts for %d bytes", n)
	}
	if err := p.client.Close(); err != nil {
		t.Fatal(err)
	}
	p.serve()
	if n := g.parked("n1"); n != 0 || r.front.memory.Load() != 0 {
		t.Errorf("%d wait, and %d bytes are counted", n, r.front.memory.Load())
	}
}
