package member

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// ordered returns the commands that a member has delivered since the last call.
func (n *node) ordered() []wire.Command {
	n.g.t.Helper()
	var commands []wire.Command
	for _, d := range n.delivers {
		for b := d.Payload; len(b) > 0; {
			cmd, rest, err := wire.DecodeCommand(b)
			if err != nil {
				n.g.t.Fatal(err)
			}
			commands, b = append(commands, cmd), rest
		}
	}
	n.delivers = nil
	return commands
}

// ticks counts the ticks among them.
func (n *node) ticks() (count int) {
	n.g.t.Helper()
	for _, cmd := range n.ordered() {
		if cmd.Op == wire.OpTick {
			count++
		}
	}
	return count
}

// deliveries has a group's nodes say what they deliver.
func (g *group) deliveries() {
	for _, n := range g.nodes {
		n.do(func(m *Member) { m.Deliveries(true) })
	}
}

// The first member ticks, once an interval, and nobody else does.
func TestTicks(t *testing.T) {
	g := newGroup(t, 3)
	g.deliveries()
	g.advance(10*time.Second + 500*time.Millisecond)
	n := g.node("n3")
	for _, cmd := range n.ordered() {
		if cmd.Op == wire.OpTick && cmd.Delta != 1000 {
			t.Errorf("a tick counts %d ms", cmd.Delta)
		}
	}
	g.advance(9 * time.Second)
	if got := n.ticks(); got < 8 || got > 9 { // a pulse late at most
		t.Errorf("%d ticks in 9 seconds", got)
	}
	for _, id := range []string{"n2", "n3"} {
		if g.node(id).m.ordinal.first {
			t.Errorf("%s is the first", id)
		}
	}
}

// A tick or an audit is due exactly an interval after the one before, waits until the
// latest tick is delivered, and needs a lease and a view in its normal state.
func TestOrderTime(t *testing.T) {
	const tick, audit = time.Second, time.Minute
	start := func(t *testing.T) (*group, *node, *ordinalClock) {
		g := newGroup(t, 2)
		g.deliveries()
		n := g.node("n1")
		c := &n.m.ordinal
		if c.ticked != g.now || c.audited != g.now || !c.first || c.tick != tick || c.audit != audit {
			t.Fatalf("%+v", c)
		}
		return g, n, c
	}
	order := func(g *group, n *node, at time.Duration) []wire.Op {
		n.do(func(m *Member) { m.orderTime(at) })
		g.settle()
		var ops []wire.Op
		for _, cmd := range n.ordered() {
			ops = append(ops, cmd.Op)
		}
		return ops
	}
	expect := func(t *testing.T, what string, got []wire.Op, want ...wire.Op) {
		t.Helper()
		got = slices.DeleteFunc(got, func(op wire.Op) bool { return op == wire.OpAuditVote })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	t.Run("intervals", func(t *testing.T) {
		g, n, c := start(t)
		expect(t, "too soon", order(g, n, g.now+tick-1))
		expect(t, "a tick", order(g, n, g.now+tick), wire.OpTick)
		if c.ticked != g.now+tick || c.audited != g.now {
			t.Errorf("%v, %v", c.ticked-g.now, c.audited-g.now)
		}
		expect(t, "too soon after it", order(g, n, g.now+2*tick-1))
		c.ticked = g.now + audit
		expect(t, "no audit yet", order(g, n, g.now+audit-1))
		expect(t, "an audit", order(g, n, g.now+audit), wire.OpAudit)
		if c.audited != g.now+audit {
			t.Errorf("audited %v", c.audited-g.now)
		}
		expect(t, "no other", order(g, n, g.now+audit))
	})
	t.Run("one at a time", func(t *testing.T) {
		g, n, c := start(t)
		g.hold("n2", "n1")
		expect(t, "under way", order(g, n, g.now+tick))
		if c.latest != n.m.submitted {
			t.Errorf("the latest is %d of %d", c.latest, n.m.submitted)
		}
		n.do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
		expect(t, "another", order(g, n, g.now+3*tick))
		if n.m.submitted != 2 || c.ticked != g.now+tick {
			t.Errorf("%d submitted, ticked %v", n.m.submitted, c.ticked-g.now)
		}
		g.release()
		n.ordered()
		expect(t, "then", order(g, n, g.now+3*tick), wire.OpTick)
	})
	t.Run("behind others", func(t *testing.T) {
		// What was submitted after the latest tick does not keep the next one waiting.
		g, n, _ := start(t)
		order(g, n, g.now+tick)
		g.hold("n2", "n1")
		n.do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
		order(g, n, g.now+2*tick)
		if n.m.submitted != 3 {
			t.Errorf("%d submitted", n.m.submitted)
		}
	})
	t.Run("without a lease", func(t *testing.T) {
		g, n, _ := start(t)
		g.now += time.Hour
		n.m.orderTime(g.now)
		if n.m.submitted != 0 {
			t.Error("it ticks")
		}
	})
	t.Run("wedged", func(t *testing.T) {
		g, n, _ := start(t)
		n.m.core.Wedge(isis.Attempt{View: isis.View{ID: 2, Prev: 1, Members: []isis.MemberID{n.self}}, Leader: n.self})
		n.m.orderTime(g.now + time.Hour)
		if n.m.submitted != 0 {
			t.Error("it ticks")
		}
	})
	t.Run("not the first", func(t *testing.T) {
		g := newGroup(t, 2)
		m := g.node("n2").m
		m.orderTime(g.now + time.Hour)
		if m.submitted != 0 {
			t.Error("it ticks")
		}
	})
}

// Who becomes the first counts from there; who was and stays it goes on counting.
func TestOrdinalClockEnters(t *testing.T) {
	var c ordinalClock
	c.enter(false, 5)
	if c != (ordinalClock{}) {
		t.Errorf("%+v", c)
	}
	c.enter(true, 6)
	if c != (ordinalClock{first: true, ticked: 6, audited: 6}) {
		t.Errorf("%+v", c)
	}
	c.enter(true, 7)
	if c != (ordinalClock{first: true, ticked: 6, audited: 6}) {
		t.Errorf("%+v", c)
	}
	c.enter(false, 8)
	c.enter(true, 9)
	if c != (ordinalClock{first: true, ticked: 9, audited: 9}) {
		t.Errorf("%+v", c)
	}
}

// digest asks a node for its digest at a position.
func (n *node) digest(position uint64, tag uint64, c *client) {
	n.do(func(m *Member) {
		m.Digest(&Read{Ticket: Ticket{Waiter: c, Tag: tag}, Position: position, Deadline: n.moment().Steady + time.Minute})
	})
}

// All members have the same digest at the same audit, which is remembered and can be
// waited for.
func TestDigest(t *testing.T) {
	g := newGroup(t, 2)
	g.open()
	n1, n2 := g.node("n1"), g.node("n2")
	var c1, c2 client
	n2.digest(2, 1, &c2) // is yet to come
	n2.digest(3, 2, &c2) // will have none
	n2.digest(9, 3, &c2) // waits on
	n1.digest(0, 4, &c1)
	g.settle()
	want := n1.m.audits.recent[0].digest
	if got := c1.take(); len(got) != 1 || got[0].tag != 4 || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != 2 || got[0].reply.Version != want || want == 0 {
		t.Fatalf("a new audit: %+v", got)
	}
	if got := c2.take(); len(got) != 2 || got[0].tag != 1 || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != 2 || got[0].reply.Version != want ||
		got[1].tag != 2 || got[1].reply.Status != wire.StatusNotFound || got[1].reply.Position != 3 {
		t.Fatalf("one that was waited for, and one that has none: %+v", got)
	}
	n2.digest(2, 5, &c2)
	if got := c2.take(); len(got) != 1 || got[0].tag != 5 || got[0].reply.Position != 2 || got[0].reply.Version != want {
		t.Fatalf("one that is remembered: %+v", got)
	}
	if got := eventsOf[Audited](n2); len(got) != 1 || got[0].Position != 2 {
		t.Errorf("%+v", got)
	}
	position := n2.position() // after the votes
	n2.digest(position, 6, &c2)
	got := c2.take()
	if len(got) != 1 || got[0].tag != 6 || got[0].reply.Status != wire.StatusNotFound || got[0].reply.Position != position ||
		string(got[0].reply.Data) != fmt.Sprintf("no audit at position %d is remembered here", position) {
		t.Fatalf("where there was none: %+v", got)
	}
	if n2.m.parked.reads.Len() != 1 {
		t.Fatalf("%d wait", n2.m.parked.reads.Len())
	}
}

// Digests are refused without a lease.
func TestDigestRefused(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	var c client
	g.now += time.Hour
	n.m.Digest(&Read{Ticket: Ticket{Waiter: &c}, Position: 5000})
	n.m.Digest(&Read{Ticket: Ticket{Waiter: &c}})
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable}) || n.m.submitted != 0 {
		t.Fatalf("without a lease: %v", got)
	}
}

// An audit that cannot be ordered says so.
func TestAuditIsRefused(t *testing.T) {
	g := newGroupWith(t, 2, options{core: isis.Config{MaxPendingBytes: 1, MaxBatchCommands: 1, Window: 1}})
	n := g.node("n1")
	g.hold("n2", "n1")
	n.write(session(), &client{})
	n.write(session(), &client{})
	var c client
	n.digest(0, 3, &c)
	if got := c.take(); len(got) != 1 || got[0].tag != 3 || got[0].reply.Status != wire.StatusUnavailable {
		t.Fatalf("%+v", got)
	}
}

// Audits that clients ask for are ordered at most every auditEvery, for all who have asked
// meanwhile, and after they have. For those who have gone none is.
func TestAskedAuditsAreShared(t *testing.T) {
	g := newGroup(t, 1)
	g.advance(time.Second)
	n := g.node("n1")
	var c, gone client
	var account Account
	audits := func() int { return len(eventsOf[Audited](n)) }
	begun := audits()
	n.digest(0, 1, &c)
	if got := c.take(); len(got) != 1 || got[0].reply.Status != wire.StatusOK || audits() != begun+1 {
		t.Fatalf("the first: %+v, %d audits", got, audits()-begun)
	}
	n.digest(0, 2, &c)
	n.digest(0, 3, &c)
	n.do(func(m *Member) {
		m.Digest(&Read{Ticket: Ticket{Waiter: &gone}, Account: &account, Deadline: n.soon()})
		m.Forget(&account)
	})
	n.write(session(), &client{})
	position := n.position()
	g.advance(auditEvery - time.Millisecond)
	if len(c.got) > 0 || audits() != begun+1 {
		t.Fatalf("too soon: %+v, %d audits", c.got, audits()-begun)
	}
	g.advance(2 * time.Millisecond)
	got := c.take()
	if len(got) != 2 || got[0].tag+got[1].tag != 5 || got[0].reply.Position <= position || got[0].reply.Position != got[1].reply.Position || audits() != begun+2 {
		t.Fatalf("those that share: %+v, %d audits", got, audits()-begun)
	}
	n.do(func(m *Member) {
		m.Digest(&Read{Ticket: Ticket{Waiter: &gone}, Account: &account, Deadline: n.soon()})
		m.Forget(&account)
	})
	g.advance(2 * auditEvery)
	if len(gone.got) > 0 || audits() != begun+2 {
		t.Errorf("who has gone: %+v, %d audits", gone.got, audits()-begun)
	}
}

// As many digests are remembered as is said, the latest.
func TestAuditsRemembered(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	for i := range uint64(maxAudits + 2) {
		n.m.audited(&store.AuditNote{Position: 10 + i, Digest: 20 + i})
		if len(n.m.audits.recent) > maxAudits {
			t.Errorf("%d are remembered", len(n.m.audits.recent))
		}
		if i == maxAudits-1 && n.m.audits.recent[0] != (auditDigest{10, 20}) {
			t.Error("one is forgotten too soon")
		}
	}
	recent := n.m.audits.recent
	if len(recent) != maxAudits || recent[0] != (auditDigest{12, 22}) || recent[maxAudits-1] != (auditDigest{11 + maxAudits, 21 + maxAudits}) {
		t.Errorf("%d, %+v", len(recent), recent)
	}
}

// A voter votes with its digest, once it has verified a part of the state.
func TestVotes(t *testing.T) {
	const digest = 0x1234567890abcdef
	for _, tc := range []struct {
		name   string
		voters []string
		before func(*Member)
		want   bool
	}{
		{"a voter", []string{"n0#7", "n1#1"}, nil, true},
		{"not a voter", []string{"n1#2", "n2#1"}, nil, false},
		{"damaged", []string{"n1#1"}, func(m *Member) { m.reader.damage.Store(&Damage{Err: errFlipped}) }, false},
		{"found to be damaged", []string{"n1#1"}, func(m *Member) { flip(m) }, false},
	} {
		g := newGroup(t, 1)
		g.open()
		n := g.node("n1")
		n.keepAsks = true
		n.write(g.set("k", "v"), &client{})
		n.write(&wire.Command{Op: wire.OpBarrier}, &client{})
		g.deliveries()
		n.do(func(m *Member) {
			if tc.before != nil {
				tc.before(m)
			}
			m.audited(&store.AuditNote{Position: 3, Digest: digest, Voters: tc.voters})
		})
		got := n.ordered()
		if !tc.want {
			if len(got) > 0 {
				t.Errorf("%s: it orders %+v", tc.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Op != wire.OpAuditVote || got[0].Key != "n1#1" || got[0].Expect != 3 || binary.LittleEndian.Uint64(got[0].Value) != digest {
			t.Errorf("%s: it orders %+v", tc.name, got)
		}
	}
}

// flip changes a bit of the state, and has the next verification meet it.
func flip(m *Member) {
	s := m.reader.state.Load()
	if s.Damage(0, 0) == "" {
		panic("there is nothing to be damaged")
	}
	var out store.Outcome
	cmd := wire.Command{Op: wire.OpAudit, Value: wire.AppendStrings(nil, []string{"n9#9"})}
	s.ApplyMessage(s.Applied()+1, 1, cmd.Append(nil), &out) // verification is by the share of an audit
}

// The voters are all members of the view.
func TestAuditNamesTheMembers(t *testing.T) {
	g := newGroup(t, 3)
	g.deliveries()
	n := g.node("n2")
	n.do(func(m *Member) { m.orderAudit(Ticket{}) })
	g.advance(10 * time.Millisecond) // acknowledgements go alone
	audits, voted := 0, map[string]bool{}
	for _, cmd := range n.ordered() {
		switch cmd.Op {
		case wire.OpAudit:
			audits++
			want := wire.AppendStrings(nil, []string{"n1#1", "n2#2", "n3#3"})
			if string(cmd.Value) != string(want) {
				t.Errorf("voters %q", cmd.Value)
			}
		case wire.OpAuditVote:
			voted[cmd.Key] = true
		}
	}
	if audits != 1 || len(voted) != 3 {
		t.Errorf("%d audits, votes %v", audits, voted)
	}
	if got := eventsOf[Verdict](n); len(got) != 1 || got[0].Position != 1 || len(got[0].Differing) != 0 {
		t.Errorf("%+v", got)
	}
}

// A verdict that names this member is damage, one that names others is not.
func TestVerdict(t *testing.T) {
	n := newGroup(t, 2).node("n1")
	n.keepAsks = true
	n.do(func(m *Member) { m.decided(&store.Verdict{Position: 4, Differing: []string{"n2#2", "n1#2"}}) })
	if n.m.Reader().Damage() != nil {
		t.Fatal("it is damaged by a verdict of others")
	}
	n.do(func(m *Member) { m.decided(&store.Verdict{Position: 5, Differing: []string{"n2#2", "n1#1"}}) })
	d := n.m.Reader().Damage()
	if d == nil || d.Err.Error() != "server: the digest at position 5 differs from that of most members" {
		t.Fatalf("%+v", d)
	}
	if got := eventsOf[Verdict](n); len(got) != 2 || got[0].Position != 4 || !slices.Equal(got[1].Differing, []string{"n2#2", "n1#1"}) {
		t.Errorf("%+v", got)
	}
}

// A member whose state differs is found out by an audit, and the others are not.
func TestAuditFindsWhoDiffers(t *testing.T) {
	g := newGroup(t, 3)
	g.open()
	n := g.node("n3")
	n.keepAsks = true
	g.advance(10 * time.Millisecond)
	n.m.reader.state.Store(store.NewAt(n.position(), store.Limits{})) // without the session
	g.node("n1").do(func(m *Member) { m.orderAudit(Ticket{}) })
	g.advance(10 * time.Millisecond)
	for _, other := range g.nodes {
		if damaged := other.m.Reader().Damage() != nil; damaged != (other == n) {
			t.Errorf("%s is damaged: %v", other.named.ID, damaged)
		}
	}
}

func TestNames(t *testing.T) {
	if got := Names([]isis.MemberID{{ID: "a", Incarnation: 1}, {ID: "b", Incarnation: 20}}); !slices.Equal(got, []string{"a#1", "b#20"}) {
		t.Errorf("%q", got)
	}
}

// The settings of the start say when ticks and audits are due.
func TestIntervalsOfTheGroup(t *testing.T) {
	g := newGroupWith(t, 1, options{settings: membership.Settings{Tick: 300 * time.Millisecond, Audit: 700 * time.Millisecond}})
	g.deliveries()
	g.advance(1450 * time.Millisecond)
	ticks, audits := 0, 0
	for _, cmd := range g.node("n1").ordered() {
		switch cmd.Op {
		case wire.OpTick:
			ticks++
		case wire.OpAudit:
			audits++
		}
	}
	if ticks < 3 || ticks > 4 || audits != 1 {
		t.Errorf("%d ticks, %d audits", ticks, audits)
	}
}
