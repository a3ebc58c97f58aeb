package member

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// The client that owns a session, and others: one with another secret, one without.
var (
	owning   = Account{Lock: wire.Secret{1}.Lock()}
	strange  = Account{Lock: wire.Secret{2}.Lock()}
	nameless = Account{}
)

// requests has a client ask for a command, in the next turn. It returns the command's size.
func (n *node) requests(of Account, cmd *wire.Command, c *client, tag uint64) int {
	raw := cmd.Append(nil)
	n.in.CommandOf(&of, cmd.Session, raw, Ticket{Waiter: c, Tag: tag})
	return len(raw)
}

// lockedOpen is what opens a session of the client that owns it.
func lockedOpen() *wire.Command {
	open := session()
	open.Lock(owning.Lock)
	return open
}

// inSession is a command of each kind that names a session.
func inSession(id uint64) []*wire.Command {
	return []*wire.Command{
		{Op: wire.OpDelete, Session: id, Seq: 1 << 50, Floor: 1 << 50, Key: "k"},
		{Op: wire.OpSet, Session: id, Seq: 1, Floor: 1, Key: "k"},
		{Op: wire.OpTxn, Session: id, Seq: 1, Value: (&wire.Txn{}).Append(nil)},
		{Op: wire.OpRenewSession, Session: id},
		{Op: wire.OpCloseSession, Session: id},
	}
}

func TestLocksAreJudged(t *testing.T) { checkLocksAreJudged(t) }

// A session that has a lock is for connections that have shown its secret, on any member.
func checkLocksAreJudged(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	n.write(lockedOpen(), &client{})
	g.settle()
	id := n.position()
	var c client
	for _, n := range g.nodes {
		for _, of := range []Account{strange, nameless} {
			for _, cmd := range inSession(id) {
				before, released := n.m.submitted, n.released
				size := n.requests(of, cmd, &c, 7)
				g.settle()
				got := c.take()
				if len(got) != 1 || got[0].tag != 7 || got[0].size != size || got[0].reply.Status != wire.StatusNotOwner || len(got[0].reply.Data) == 0 {
					t.Errorf("a stranger's %s: %+v", cmd.Op, got)
				}
				if n.m.submitted != before || n.released != released+size {
					t.Errorf("a stranger's %s: %d submitted, %d bytes of %d released", cmd.Op, n.m.submitted-before, n.released-released, size)
				}
			}
		}
	}
	for i, n := range g.nodes {
		n.requests(owning, &wire.Command{Op: wire.OpSet, Session: id, Seq: uint64(i + 1), Floor: 1, Key: "k"}, &c, 1)
		g.settle()
	}
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK, wire.StatusOK}) {
		t.Errorf("its owner: %v", got)
	}
}

// A session without a lock is for everybody, and what names one that has ended, or never was, is
// refused by the order.
func TestSessionsWithoutALock(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	g.open()
	var c client
	for _, of := range []Account{owning, nameless} {
		n.requests(of, &wire.Command{Op: wire.OpRenewSession, Session: g.session}, &c, 1)
	}
	n.requests(strange, &wire.Command{Op: wire.OpCloseSession, Session: g.session}, &c, 1)
	n.turn()
	n.requests(owning, &wire.Command{Op: wire.OpRenewSession, Session: g.session}, &c, 1)
	n.requests(owning, &wire.Command{Op: wire.OpRenewSession, Session: n.position()}, &c, 1)
	n.requests(owning, session(), &c, 1)
	n.turn()
	want := []wire.Status{wire.StatusOK, wire.StatusOK, wire.StatusOK, wire.StatusSessionExpired, wire.StatusSessionExpired, wire.StatusOK}
	if got := c.statuses(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What a connection has a right to is looked up once while it stays with one session.
func TestRightIsRemembered(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.write(lockedOpen(), &client{})
	id := n.position()
	of := owning
	n.in.CommandOf(&of, id, (&wire.Command{Op: wire.OpRenewSession, Session: id}).Append(nil), Ticket{})
	n.turn()
	if of.uses != id {
		t.Errorf("it is %d, want %d", of.uses, id)
	}
	for _, of := range []Account{strange, nameless} {
		n.in.CommandOf(&of, id, (&wire.Command{Op: wire.OpRenewSession, Session: id}).Append(nil), Ticket{})
		if n.turn(); of.uses != 0 {
			t.Error("a right is remembered that is none")
		}
	}
}

func TestCommandsWaitForTheirSession(t *testing.T) { checkCommandsWaitForTheirSession(t) }

// A member that has not come to where a session is opened has its commands wait, and refuses none
// that is right, and all that a thief has sent by guessing its id. They are ordered as they came,
// and answered with their sizes.
func checkCommandsWaitForTheirSession(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	id := n.position() + 1
	var owner, thief client
	var sizes, released int
	for i := range 3 {
		sizes += n.requests(owning, &wire.Command{Op: wire.OpSet, Session: id, Seq: uint64(i + 1), Floor: 1, Prev: uint64(i), Key: "k"}, &owner, uint64(i))
	}
	for i, cmd := range inSession(id) {
		sizes += n.requests(strange, cmd, &thief, uint64(i))
	}
	g.settle()
	if len(owner.got)+len(thief.got) > 0 || n.m.submitted != 0 || n.released != sizes || n.m.parked.reads.Len() != 8 {
		t.Fatalf("%+v, %+v, %d submitted, %d of %d bytes released", owner.got, thief.got, n.m.submitted, n.released, sizes)
	}
	released = n.released
	g.node("n2").write(lockedOpen(), &client{})
	g.settle()
	if n.position() != id+3 || n.released != released || n.m.parked.reads.Len() != 0 {
		t.Fatalf("position %d, %d bytes released twice", n.position(), n.released-released)
	}
	answered := 0
	for i, a := range owner.take() {
		if answered += a.size; a.tag != uint64(i) || a.reply.Status != wire.StatusOK || a.reply.Position != id+1+a.tag {
			t.Errorf("the owner's %+v", a)
		}
	}
	for i, a := range thief.take() {
		if answered += a.size; a.tag != uint64(i) || a.reply.Status != wire.StatusNotOwner {
			t.Errorf("the thief's %+v", a)
		}
	}
	if answered != sizes {
		t.Errorf("commands of %d bytes are answered, of %d", answered, sizes)
	}
}

// Commands that wait for a session end as reads that wait do, and always with an answer.
func TestCommandsThatWaitEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead  uint64 // how far the session is
		change func(*group, *node, *Account)
		status wire.Status
	}{
		"time":   {1000, func(g *group, _ *node, _ *Account) { g.advance(DefaultTimeout + time.Second) }, wire.StatusTimeout},
		"gone":   {1, func(_ *group, n *node, of *Account) { n.do(func(m *Member) { m.Forget(of) }) }, wire.StatusUnavailable},
		"lapsed": {1, func(_ *group, n *node, _ *Account) { n.do(func(m *Member) { m.refuseReads() }) }, wire.StatusUnavailable},
		"leaving": {1, func(g *group, n *node, _ *Account) {
			n.m.reader.leaving.Store(true)
			g.node("n2").write(lockedOpen(), &client{})
			g.settle()
		}, wire.StatusUnavailable},
	} {
		g := newGroup(t, 2)
		n := g.node("n1")
		var c client
		of := owning
		id := n.position() + tc.ahead
		raw := (&wire.Command{Op: wire.OpRenewSession, Session: id}).Append(nil)
		n.in.CommandOf(&of, id, raw, Ticket{Waiter: &c, Tag: 5})
		n.turn()
		if len(c.got) > 0 {
			t.Fatalf("%s: too soon: %+v", name, c.got)
		}
		tc.change(g, n, &of)
		got := c.take()
		if len(got) != 1 || got[0].tag != 5 || got[0].size != len(raw) || got[0].reply.Status != tc.status || n.m.parked.reads.Len() != 0 {
			t.Errorf("%s: %+v, %d wait", name, got, n.m.parked.reads.Len())
		}
		if n.released != len(raw) {
			t.Errorf("%s: %d bytes of %d released", name, n.released, len(raw))
		}
	}
}

// One that names a session which nobody can have seen, or is too much beside others, is refused at
// once.
func TestCommandsThatMayNotWait(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	var c client
	size := n.requests(owning, &wire.Command{Op: wire.OpRenewSession, Session: n.position() + farthest + 1}, &c, 1)
	of := owning
	n.parks(&of, &client{}, 1, 1)
	raw := (&wire.Command{Op: wire.OpSet, Session: n.position() + 1, Seq: 1, Key: "k", Value: make([]byte, maxAccountBytes)}).Append(nil)
	n.in.CommandOf(&of, n.position()+1, raw, Ticket{Waiter: &c, Tag: 1})
	size += len(raw)
	n.turn()
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable}) || n.released != size {
		t.Errorf("%v, %d bytes of %d released", got, n.released, size)
	}
}

// The largest command of all waits for its session too, where nothing else of its client does, and
// so does one of each of some clients.
func TestLargestCommandWaits(t *testing.T) {
	g := newGroupWith(t, 2, options{limits: store.Limits{MaxValueBytes: maxAccountBytes}})
	n := g.node("n1")
	id := n.position() + 1
	var owner, thief client
	large := wire.Command{Op: wire.OpSet, Session: id, Seq: 1, Floor: 1, Key: "k", Value: make([]byte, maxAccountBytes)}
	n.requests(owning, &large, &owner, 1)
	n.requests(strange, &large, &thief, 1)
	n.turn()
	if len(owner.got)+len(thief.got) > 0 || n.m.parked.bytes <= 2*maxAccountBytes || n.m.parked.bytes > maxParkedBytes {
		t.Fatalf("%v, %v, %d bytes wait", owner.statuses(), thief.statuses(), n.m.parked.bytes)
	}
	g.node("n2").write(lockedOpen(), &client{})
	g.settle()
	if got := owner.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK}) || len(n.value("k")) != maxAccountBytes {
		t.Errorf("%v, and the variable has %d bytes", got, len(n.value("k")))
	}
	if got := thief.statuses(); !slices.Equal(got, []wire.Status{wire.StatusNotOwner}) {
		t.Errorf("a thief's: %v", got)
	}
}
