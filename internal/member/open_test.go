package member

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// opens has a client that has seen a position ask for a session.
func (n *node) opens(c *client, tag, seen uint64) {
	p := &Read{Ticket: Ticket{Waiter: c, Tag: tag}, Position: seen, Deadline: n.soon()}
	n.do(func(m *Member) { m.Open(p, &wire.Command{Op: wire.OpOpenSession, Key: "leaks"}) })
}

// A member whose state is full refuses a session by itself. It orders nothing.
func TestOpenWhereThereIsNoRoom(t *testing.T) {
	g := newGroupWith(t, 2, options{limits: store.Limits{MaxClientSessions: 2}})
	n := g.node("n1")
	var c client
	for range 2 {
		n.opens(&c, 1, 0)
		g.settle()
	}
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK, wire.StatusOK}) {
		t.Fatalf("%v", got)
	}
	submitted, crowds := n.m.submitted, len(eventsOf[Crowd](n))
	n.opens(&c, 7, 0)
	want := answer{tag: 7, reply: wire.Reply{Status: wire.StatusTooManySessions, Number: wire.BoundOfClient, Version: 2}}
	if got := c.take(); len(got) != 1 || got[0].tag != want.tag || got[0].size != 0 || !sameReply(&got[0].reply, &want.reply) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n.m.submitted != submitted || len(g.wires) > 0 {
		t.Error("it is ordered")
	}
	if told := eventsOf[Crowd](n); len(told) != crowds+1 || told[crowds].Crowd.Client != (store.ClientSessions{Name: "leaks", Sessions: 2}) {
		t.Errorf("%+v", told)
	}
}

func sameReply(a, b *wire.Reply) bool {
	return a.Status == b.Status && a.Position == b.Position && a.Version == b.Version && a.Number == b.Number && len(a.Data)+len(b.Data) == 0
}

// Whether there is room is judged once the member has come to what the client has seen, such
// as the end of another session of its.
func TestOpenWaitsForWhatTheClientHasSeen(t *testing.T) {
	g := newGroupWith(t, 1, options{limits: store.Limits{MaxClientSessions: 1}})
	n := g.node("n1")
	var c client
	n.opens(&c, 1, 0)
	first := c.take()[0].reply.Position
	n.opens(&c, 2, first+1)
	if len(c.got) > 0 {
		t.Fatalf("%+v", c.got)
	}
	n.write(&wire.Command{Op: wire.OpCloseSession, Session: first}, &client{})
	if got := c.take(); len(got) != 1 || got[0].tag != 2 || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != first+2 {
		t.Errorf("in the turn that closes the other: %+v", got)
	}
}

// A member that leaves, or has no lease, opens no session.
func TestOpenWhereNobodyIsServed(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	var c client
	n.m.reader.leaving.Store(true)
	n.opens(&c, 1, 0)
	n.m.reader.leaving.Store(false)
	n.g.now += time.Hour
	n.opens(&c, 2, 0)
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable}) || n.m.submitted != 0 {
		t.Errorf("%v, %d submitted", got, n.m.submitted)
	}
}
