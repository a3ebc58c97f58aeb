package member

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// teller writes its answers among what a member asks its host for.
type teller struct{ n *node }

func (w teller) Answer(tag uint64, _ int, reply *wire.Reply) {
	w.n.record("answer %d status %d", tag, reply.Status)
}

// did compares what a member has asked for since the last call.
func (n *node) expectDid(what string, want ...string) {
	n.g.t.Helper()
	if got := n.took(); !slices.Equal(got, want) {
		n.g.t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// What a turn asks its host for comes in this order: messages and their flush before
// deliveries, answers as they are delivered, then the view, the lease, those who wait
// for a position, the timer of acknowledgements, and the heartbeat.
func TestTurnsOrder(t *testing.T) {
	g := newGroup(t, 0)
	lone := g.add(named(1), &options{})
	first := membership.Directive{
		Group: testGroup, Generation: 1, Settings: membership.DefaultSettings(),
		Views: []membership.View{{ID: 1, Members: []membership.Member{named(1)}}},
	}
	lone.do(func(m *Member) { m.Start(&first) })
	lone.expectDid("it enters a view",
		"member.Begins", "timer 0 10ms", "timer 2 20ms", "member.Entered", "beat", "member.Serves")

	lone.do(func(m *Member) {
		m.Deliveries(true)
		m.Park(&Read{Ticket: Ticket{Waiter: teller{lone}, Tag: 1}, Position: 1, Nothing: true, Deadline: lone.soon()})
	})
	lone.took()
	lone.in.Encode(session(), Ticket{Waiter: teller{lone}, Tag: 2})
	lone.turn()
	lone.expectDid("it delivers", "answer 2 status 0", "deliver 1", "answer 1 status 0")

	g = newGroup(t, 2)
	n := g.node("n1")
	n.took()
	n.in.Encode(session(), Ticket{Waiter: teller{n}, Tag: 1})
	n.turn()
	n.expectDid("it proposes", "send n2 PROPOSE", "flush")
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: teller{n}, Tag: 2}, Position: 1, Nothing: true, Deadline: n.soon()})
		m.Deliveries(true)
	})
	g.settle()
	n.expectDid("its message is delivered", "send n2 FINAL", "flush", "answer 1 status 0", "deliver 1", "answer 2 status 0")

	g = newGroupWith(t, 2, options{settings: membership.Settings{Delivery: membership.Agreed}})
	n = g.node("n1")
	n.do(func(m *Member) { m.Deliveries(true) })
	n.in.Encode(session(), Ticket{Waiter: teller{n}, Tag: 1})
	n.turn()
	g.carry()
	g.node("n2").turn()
	g.carry()
	n.took()
	n.turn()
	n.expectDid("others have its place before it is delivered here", "send n2 FINAL", "flush", "answer 1 status 0", "deliver 1")

	g = newGroup(t, 3)
	n = g.node("n1")
	g.hold("n2", "n3")
	g.hold("n3", "n2")
	n.took()
	g.node("n2").do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	g.settle()
	n.expectDid("it answers", "send n2 PROPOSAL", "flush")
	g.release()
	n.expectDid("it has the message's place", "send n2 ACK", "flush", "timer 1 1ms")
}

// Commands are refused while the member leaves, or has no lease, and are not under way
// then.
func TestCommandsRefused(t *testing.T) {
	for name, change := range map[string]func(*group, *node){
		"leaving": func(_ *group, n *node) { n.m.reader.leaving.Store(true) },
		"lease":   func(g *group, _ *node) { g.now += time.Hour },
	} {
		g := newGroup(t, 1)
		n := g.node("n1")
		n.keepAsks = true
		change(g, n)
		var c client
		size := n.in.Encode(session(), Ticket{Waiter: &c, Tag: 1})
		n.in.Command([]byte("more bytes"), Ticket{Waiter: &c, Tag: 2})
		n.turn()
		got := c.take()
		if len(got) != 2 || got[0].tag != 1 || got[0].size != size || got[1].tag != 2 || got[1].size != 10 ||
			got[0].reply.Status != wire.StatusUnavailable || got[1].reply.Status != wire.StatusUnavailable {
			t.Errorf("%s: %+v", name, got)
		}
		if n.released != size+10 || n.m.submitted != 0 || n.m.waiting.Len() != 0 {
			t.Errorf("%s: %d bytes are released, %d submitted", name, n.released, n.m.submitted)
		}
	}
}

// Each turn returns what it has released, once.
func TestReleased(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	size := n.write(session(), &client{})
	if n.released != size {
		t.Errorf("%d bytes, want %d", n.released, size)
	}
	n.do(func(*Member) {})
	if n.released != size {
		t.Errorf("%d bytes, want %d", n.released, size)
	}
	n.do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	if n.released != size {
		t.Error("the node's own commands were admitted")
	}
}

// A command carries the bytes of its own and no others.
func TestCommandsOfOneTurn(t *testing.T) {
	g := newGroup(t, 1)
	g.open()
	g.deliveries()
	n := g.node("n1")
	var c client
	for i := range 3 {
		n.in.Encode(g.set(fmt.Sprint(i), strings.Repeat("v", i)), Ticket{Waiter: &c, Tag: uint64(i)})
	}
	n.turn()
	for i, cmd := range n.ordered() {
		if cmd.Key != fmt.Sprint(i) || len(cmd.Value) != i {
			t.Errorf("%d: %+v", i, cmd)
		}
	}
	for i, a := range c.take() {
		if a.tag != uint64(i) || a.reply.Position != uint64(i)+2 {
			t.Errorf("%+v", a)
		}
	}
}

// A member that breaks the protocol is accused once a view, at its next message as well
// as at one that was kept.
func TestProtocolIsBroken(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n1")
	bad := &isis.Message{Kind: isis.KindProposal, View: 1, Seq: 77}
	for range 2 {
		n.in.Message(g.node("n2").self, bad)
	}
	n.in.Message(g.node("n3").self, bad)
	n.turn()
	got := eventsOf[Accused](n)
	if len(got) != 2 || got[0].Peer.ID != "n2" || got[1].Peer.ID != "n3" || !errors.Is(got[0].Err, isis.ErrProtocol) {
		t.Errorf("%+v", got)
	}
	later := &isis.Message{Kind: isis.KindProposal, View: 2, Seq: 77}
	n.in.Message(g.node("n2").self, later)
	n.turn()
	if len(eventsOf[Rejected](n)) > 0 {
		t.Fatal("a message is not kept for its view")
	}
	g.crash("n3")
	g.advance(5 * time.Second)
	if rejected := eventsOf[Rejected](n); len(rejected) != 1 || !errors.Is(rejected[0].Err, isis.ErrProtocol) {
		t.Errorf("%+v", rejected)
	}
	if n.m.beat.accused != nil {
		t.Error("the accusations outlive the view")
	}
	n.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindProposal, View: n.m.core.View().ID, Seq: 77})
	n.turn()
	if len(eventsOf[Accused](n)) != 3 {
		t.Error("nobody is accused in the next view")
	}
}

// Acknowledgements go alone after a while, and the timer is asked for once until then.
func TestAcksTimer(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n2")
	n.took()
	order := func() {
		g.node("n1").do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
		g.settle()
	}
	timers := func() (count int) {
		for _, did := range n.took() {
			if did == "timer 1 1ms" {
				count++
			}
		}
		return count
	}
	order()
	order()
	if got := timers(); got != 1 {
		t.Fatalf("%d timers", got)
	}
	if !n.m.core.AcksWait() {
		t.Fatal("no acknowledgement waits")
	}
	n.due[TimerAcks] = 0
	n.do(func(m *Member) { m.Fire(TimerAcks) })
	if did := n.took(); !slices.Equal(did, []string{"send n3 ACK", "flush"}) {
		t.Errorf("it asks for %q", did)
	}
	order()
	if got := timers(); got != 1 {
		t.Fatalf("%d timers after it has fired", got)
	}
}

// Deliveries are told while they are switched on, as they are.
func TestDelivered(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	n.write(session(), &client{})
	g.advance(5 * time.Millisecond)
	if len(n.delivers) > 0 {
		t.Fatalf("%+v", n.delivers)
	}
	n.do(func(m *Member) { m.Deliveries(true) })
	other := g.node("n2")
	bad := wire.Command{Op: wire.OpSet, Session: 99, Seq: 1, Floor: 1, Key: "k"}
	other.in.Encode(&bad, Ticket{})
	other.in.Encode(session(), Ticket{})
	other.turn()
	g.advance(5 * time.Millisecond)
	want := wire.Delivery{View: 1, Sender: "n2", Incarnation: 2, Seq: 1, First: 2, Count: 2, Effects: []byte{2}}
	want.Payload = session().Append(bad.Append(nil))
	if len(n.delivers) != 1 || fmt.Sprint(n.delivers[0]) != fmt.Sprint(want) {
		t.Fatalf("got  %+v\nwant %+v", n.delivers, want)
	}
	n.do(func(m *Member) { m.Deliveries(false) })
	n.write(session(), &client{})
	g.advance(5 * time.Millisecond)
	if len(n.delivers) != 1 {
		t.Fatalf("%+v", n.delivers)
	}
}

// The memory of the effects is the host's if it takes them.
func TestEffectsTaken(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	n.do(func(m *Member) { m.Deliveries(true) })
	n.write(session(), &client{})
	if n.m.Outcome().Effects == nil || len(n.m.Outcome().Results) != 1 {
		t.Fatalf("%+v", n.m.Outcome())
	}
	n.takesEffects = true
	n.write(session(), &client{})
	if n.m.Outcome().Effects != nil {
		t.Error("they are used again")
	}
}

// The results of others' commands are nobody's here.
func TestOwnResults(t *testing.T) {
	g := newGroup(t, 2)
	var c client
	n := g.node("n1")
	g.hold("n2", "n1")
	n.write(session(), &c) // waits
	n.m.apply(&isis.Delivery{View: 1, Sender: g.node("n2").self, First: 1, Count: 1, Payload: session().Append(nil)})
	if len(c.got) > 0 || n.m.waiting.Len() != 1 || n.m.released != 0 {
		t.Errorf("%+v", c.got)
	}
	n.m.apply(&isis.Delivery{View: 1, Sender: n.self, First: 2, Count: 1, Payload: session().Append(nil), Own: true})
	if got := c.take(); len(got) != 1 || got[0].reply.Position != 2 {
		t.Errorf("%+v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("one more is taken")
		}
	}()
	n.m.apply(&isis.Delivery{View: 1, Sender: n.self, First: 3, Count: 1, Payload: session().Append(nil), Own: true})
}

// A write that waits too long is answered that nobody knows, in its place, and not again
// when it is delivered.
func TestWritesExpire(t *testing.T) {
	g := newGroupWith(t, 2, options{settings: membership.Settings{Detection: time.Hour, Heartbeat: 250 * time.Millisecond}})
	n := g.node("n1")
	g.hold("n2", "n1")
	var c client
	n.do(func(m *Member) { m.pulse() })
	submitted := g.now // roughly: by the pulse
	g.now += 40 * time.Millisecond
	size := n.in.Encode(session(), Ticket{Waiter: &c, Tag: 1})
	n.turn()
	g.now += 20 * time.Millisecond
	n.do(func(m *Member) { m.pulse() })
	n.in.Encode(session(), Ticket{Waiter: &c, Tag: 2})
	n.turn()
	n.do(func(m *Member) { m.expireWrites(submitted + DefaultTimeout) })
	if len(c.got) > 0 {
		t.Fatalf("too soon: %+v", c.got)
	}
	n.do(func(m *Member) { m.expireWrites(submitted + DefaultTimeout + 1) })
	if got := c.take(); len(got) != 1 || got[0].tag != 1 || got[0].size != size || got[0].reply.Status != wire.StatusTimeout || n.released != 0 {
		t.Fatalf("%+v, %d released", got, n.released)
	}
	n.do(func(m *Member) { m.expireWrites(submitted + DefaultTimeout + 60*time.Millisecond + 1) })
	if got := c.take(); len(got) != 1 || got[0].tag != 2 || got[0].reply.Status != wire.StatusTimeout {
		t.Fatalf("%+v", got)
	}
	g.release()
	g.advance(10 * time.Millisecond)
	if len(c.got) > 0 || n.released != 2*size || n.m.waiting.Len() != 0 {
		t.Fatalf("%+v, %d released", c.got, n.released)
	}
}

// What a message did beside its results.
func TestNoted(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.keepAsks = true
	n.do(func(m *Member) {
		m.noted(&store.Notes{
			Audits:   []store.AuditNote{{Position: 5}, {Position: 7, Digest: 8}},
			Verdicts: []store.Verdict{{Position: 5}, {Position: 6}},
			Crowds:   []store.Crowd{{Bound: store.Bound{Most: 1}}, {Bound: store.Bound{Most: 2}}},
		})
	})
	if got := eventsOf[Audited](n); !slices.Equal(got, []Audited{{5}, {7}}) || n.m.audits.digestAt(7).Version != 8 {
		t.Errorf("%+v, %+v", got, n.m.audits.recent)
	}
	if got := eventsOf[Verdict](n); len(got) != 2 || got[0].Position != 5 || got[1].Position != 6 {
		t.Errorf("%+v", got)
	}
	if got := eventsOf[Crowd](n); len(got) != 2 || got[0].Crowd.Bound.Most != 1 || got[1].Crowd.Bound.Most != 2 {
		t.Errorf("%+v", got)
	}
	if len(eventsOf[DamageFound](n)) > 0 {
		t.Error("damage is found")
	}
	n.do(func(m *Member) { m.noted(&store.Notes{Damage: errFlipped}) })
	if got := eventsOf[DamageFound](n); len(got) != 1 || !errors.Is(got[0].Err, errFlipped) {
		t.Errorf("%+v", got)
	}
}

// A turn that fails does nothing more of what was due in it.
func TestFailedTurn(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	probes, events := n.m.leases.probes, len(n.events)
	n.do(func(m *Member) {
		m.due = due{probe: true, votes: []vote{{}}, damage: errFlipped}
		m.Fail(errConnection)
		m.Fail(errFlipped)
	})
	if !errors.Is(n.err, errConnection) {
		t.Errorf("it ends with %v, want the first reason", n.err)
	}
	if n.m.leases.probes != probes || n.m.Reader().Damage() != nil || len(n.events) != events {
		t.Errorf("%+v", n.events[events:])
	}
}

// What is due is done within the turn, once, and the turn goes on until nothing is.
func TestDueWork(t *testing.T) {
	for _, d := range []due{{probe: true}, {votes: []vote{}}, {damage: errFlipped}} {
		g := newGroup(t, 1)
		n := g.node("n1")
		n.keepAsks = true
		n.m.due = d
		probes := n.m.leases.probes
		if !n.m.workDue() || n.m.workDue() {
			t.Errorf("%+v is not done once", d)
		}
		if done := n.m.leases.probes > probes; done != d.probe {
			t.Errorf("%+v: a probe goes out: %v", d, done)
		}
		if done := n.m.Reader().Damage() != nil; done != (d.damage != nil) {
			t.Errorf("%+v: it is damaged: %v", d, done)
		}
	}
	g := newGroup(t, 1)
	g.deliveries()
	n := g.node("n1")
	n.do(func(m *Member) { m.orderAudit(Ticket{}) })
	if got := n.ordered(); len(got) != 2 || got[1].Op != wire.OpAuditVote {
		t.Errorf("the vote does not go out with the turn: %+v", got)
	}
	if len(eventsOf[Verdict](n)) != 1 {
		t.Error("nor is it delivered")
	}
}

// A turn without commands does not look at the lease while it is held.
func TestIdleTurnDoesNotLook(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.counted = 0
	n.do(func(*Member) {})
	if n.counted != 0 {
		t.Errorf("it looks %d times", n.counted)
	}
	n.write(session(), &client{})
	if n.counted != 1 {
		t.Errorf("with a command it looks %d times", n.counted)
	}
}

// What is vouched for in a turn counts for those who wait for what it delivers.
func TestLeaseBeforeReads(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c}, Position: 1, Nothing: true, Deadline: g.now + time.Hour})
	})
	other := g.node("n2")
	other.do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	g.carry()
	n.turn() // it has answered the PROPOSE
	g.hold("n2", "n1")
	g.settle()
	g.now += 3 * time.Second // nobody has looked
	n.do(func(m *Member) { m.sendProbe() })
	g.settle()
	if n.m.Reader().Serves() || len(c.got) > 0 || n.position() != 0 {
		t.Fatalf("at %d, %+v", n.position(), c.got)
	}
	clear(g.held)
	g.carry()
	n.turn()
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusOK}) || n.position() != 1 {
		t.Errorf("at %d, %v", n.position(), got)
	}
}
