package server

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// waits are the requests for which something has to come.
var waits = []wire.Request{
	{Kind: wire.RequestGet, Key: "k", Position: 1 << 60},
	{Kind: wire.RequestGetStrong, Key: "k"},
	{Kind: wire.RequestBarrier},
	{Kind: wire.RequestDigest, Position: 1 << 60},
}

// park sends the waiting requests with a timeout, and returns once they wait.
func (g *group) park(id string, timeout time.Duration) (frames *wire.FrameReader, hangUp func()) {
	g.t.Helper()
	conn, frames := g.raw(id)
	var requests []byte
	for i := range waits {
		request := waits[i]
		request.ID, request.Timeout = uint64(i+1), timeout
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
