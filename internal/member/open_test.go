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

// A member whose state is full refuses a session by itself. It orders nothing but a barrier, which
// those share that ask at a time.
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
	for _, tag := range []uint64{7, 8} {
		p := &Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Deadline: n.soon()}
		n.in.Call(func(m *Member) { m.Open(p, &wire.Command{Op: wire.OpOpenSession, Key: "leaks"}) })
	}
	g.settle()
	got, want := c.take(), wire.Reply{Status: wire.StatusTooManySessions, Number: wire.BoundOfClient, Version: 2}
	if len(got) != 2 || got[0].tag != 7 || got[1].tag != 8 {
		t.Fatalf("%+v", got)
	}
	for _, a := range got {
		if a.size != 0 || !sameReply(&a.reply, &want) {
			t.Errorf("%+v, want %+v", a, want)
		}
	}
	if n.m.submitted != submitted+1 || n.position() != 3 {
		t.Errorf("%d commands are ordered, up to %d", n.m.submitted-submitted, n.position())
	}
	if told := eventsOf[Crowd](n); len(told) != crowds+2 || told[crowds].Crowd.Client != (store.ClientSessions{Name: "leaks", Sessions: 2}) {
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

func TestRefusalIsRecent(t *testing.T) { checkRefusalIsRecent(t) }

// A member that is behind does not refuse a session for which there is room: another was closed
// before the client asked, and the member has yet to learn so.
func checkRefusalIsRecent(t testing.TB) {
	g := newGroupWith(t, 3, options{limits: store.Limits{MaxClientSessions: 1}})
	n1, n2 := g.node("n1"), g.node("n2")
	var c, other client
	n1.opens(&c, 1, 0)
	g.settle()
	id := c.take()[0].reply.Position
	g.hold("n3", "n1")
	n2.write(&wire.Command{Op: wire.OpCloseSession, Session: id}, &other)
	g.settle()
	if got := other.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK}) || n1.position() != id {
		t.Fatalf("the other is not closed, or %s has seen it: %v, %d", n1.named.ID, got, n1.position())
	}
	n1.opens(&c, 2, 0)
	g.settle()
	if len(c.got) > 0 {
		t.Fatalf("%s, which is behind: %+v", n1.named.ID, c.got)
	}
	g.release()
	g.advance(5 * time.Millisecond)
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK}) {
		t.Errorf("%v", got)
	}
}

// A session that is refused waits no longer than its client, and not at a member that leaves
// meanwhile, or loses its lease.
func TestRefusalThatDoesNotCome(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*group, *node)
		status wire.Status
	}{
		"time": {func(g *group, n *node) {
			g.now += 2 * time.Minute
			n.do(func(m *Member) { m.expireReads(n.moment().Steady) })
		}, wire.StatusTimeout},
		"lapsed":  {func(_ *group, n *node) { n.do(func(m *Member) { m.refuseReads() }) }, wire.StatusUnavailable},
		"leaving": {func(g *group, n *node) { n.m.reader.leaving.Store(true); g.release() }, wire.StatusUnavailable},
	} {
		g := newGroupWith(t, 2, options{limits: store.Limits{MaxClientSessions: 1}})
		n := g.node("n1")
		var c client
		n.opens(&c, 1, 0)
		g.settle()
		c.take()
		g.hold("n2", "n1")
		n.opens(&c, 2, 0)
		g.settle()
		if len(c.got) > 0 {
			t.Fatalf("%s: too soon: %+v", name, c.got)
		}
		tc.change(g, n)
		if got := c.statuses(); !slices.Equal(got, []wire.Status{tc.status}) {
			t.Errorf("%s: %v", name, got)
		}
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
