package server

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// farAway is a position that no test comes to, and that a client of a node may wait for.
func (g *group) farAway(id string) uint64 { return g.nodes[id].Status().Position + 1<<31 }

// waits are the requests for which something has to come, those of a position farAway.
var waits = []wire.Request{
	{Kind: wire.RequestGet, Key: "k"},
	{Kind: wire.RequestGetStrong, Key: "k"},
	{Kind: wire.RequestBarrier},
	{Kind: wire.RequestDigest},
}

// park sends the waiting requests with a timeout, and returns once they wait.
func (g *group) park(id string, timeout time.Duration) (frames *wire.FrameReader, hangUp func()) {
	g.t.Helper()
	conn, frames := g.raw(id)
	var requests []byte
	for i := range waits {
		request := waits[i]
		request.ID, request.Timeout = uint64(i+1), timeout
		if request.Kind == wire.RequestGet || request.Kind == wire.RequestDigest {
			request.Position = g.farAway(id)
		}
		requests = wire.AppendRequest(requests, &request)
	}
	if _, err := conn.Write(requests); err != nil {
		g.t.Fatal(err)
	}
	eventually(g.t, "all wait", func() bool { return g.parked(id) == len(waits) })
	return frames, func() { _ = conn.Close() }
}

// parked is how many requests wait at a node.
func (g *group) parked(id string) (n int) {
	r := g.nodes[id].current.Load()
	r.do(func(m *member.Member) { n = m.Status().Parked })
	return n
}

// A request that waits for what may never come ends with its timeout, whatever its
// kind.
func TestParkedRequestsEndWithTheirTimeout(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	var moved movedClock
	g.start("n1", moved.set)
	g.start("n2", nil)
	release := g.hold("n2") // no barrier ends
	defer release()
	frames, _ := g.park("n1", 20*time.Second)
	moved.goOn(19 * time.Second)
	g.nodes["n1"].current.Load().do(func(m *member.Member) { m.Fire(member.TimerPulse) })
	if n := g.parked("n1"); n != len(waits) {
		t.Errorf("before their time %d of %d wait", n, len(waits))
	}
	moved.goOn(time.Second)
	for range waits {
		_, body, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		reply, err := wire.DecodeReply(body)
		if err != nil || reply.Status != wire.StatusTimeout {
			t.Errorf("request %d: %+v, %v", reply.ID, reply, err)
		}
	}
	if n := g.parked("n1"); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// Those of a connection that has ended are forgotten, whatever time they named.
func TestParkedRequestsEndWithTheirConnection(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.startAll(2)
	release := g.hold("n2") // no barrier ends
	defer release()
	_, hangUp := g.park("n1", time.Hour)
	hangUp()
	eventually(t, "nothing waits", func() bool { return g.parked("n1") == 0 })
}

// A read of a position that nobody can have seen is refused at once, whoever asks, and a client
// is told why.
func TestReadsOfNoPosition(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	for _, conn := range []wire.Conn{g.connect("n1"), g.dial("n1")} {
		for _, strong := range []bool{false, true} {
			reply, err := conn.Get(t.Context(), "k", 1<<60, strong)
			if err != nil || reply.Status != wire.StatusUnavailable || len(reply.Data) == 0 {
				t.Errorf("%+v, %v", reply, err)
			}
		}
	}
}

// One connection cannot have so many reads wait that others have no room.
func TestParkedReadsOfOneConnection(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", func(c *Config) { c.MaxInFlight = 1 << 20 })
	c := g.client("n1")
	c.set("k", "v")
	conn, frames := g.raw("n1")
	const most = 16 << 20 / 512 // as internal/member says
	var requests []byte
	farAway := g.farAway("n1")
	for i := range most {
		requests = wire.AppendRequest(requests, &wire.Request{ID: uint64(i), Kind: wire.RequestGet, Key: "k", Position: farAway, Timeout: time.Hour})
	}
	go func() { _, _ = conn.Write(requests) }() // it ends with the connection
	_, body, err := frames.Next()
	if err != nil {
		t.Fatal(err)
	}
	if reply, err := wire.DecodeReply(body); err != nil || reply.Status != wire.StatusUnavailable {
		t.Errorf("one too many: %+v, %v", reply, err)
	}
	if n := g.parked("n1"); n == 0 || n >= most {
		t.Errorf("%d wait", n)
	}
	for _, strong := range []bool{false, true} {
		if reply, err := g.dial("n1").Get(t.Context(), "k", c.seen, strong); err != nil || reply.Status != wire.StatusOK {
			t.Errorf("another client: %+v, %v", reply, err)
		}
	}
}
