package member

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// A member begins with what it was given.
func TestNew(t *testing.T) {
	g := newGroup(t, 0)
	n := g.add(named(4), &options{base: 77, lag: 5, chunk: 6, settings: membership.Settings{Detection: 4 * time.Second}})
	m := n.m
	if m.self != n.self || m.group != testGroup || m.generation != 1 || m.maxLagBytes != 5 || m.chunkBytes != 6 || m.heartbeat != 500*time.Millisecond {
		t.Errorf("%+v", m)
	}
	if m.reader.State().Applied() != 77 || m.core.Position() != 77 || m.reader.Detection() != 4*time.Second || m.pulsed != g.now {
		t.Errorf("at %d, %d", m.reader.State().Applied(), m.core.Position())
	}
	if m.reader.InView() || m.reader.Serves() || m.joiner.wait != leastJoinPause || m.ordinal.tick != time.Second || m.ordinal.audit != time.Minute {
		t.Error("it is in a view")
	}
	if m.From() != (membership.From{ID: "n4", Incarnation: 4, Group: testGroup, Generation: 1}) {
		t.Errorf("%+v", m.From())
	}
}

// The machine's clock is the default.
func TestDefaultClock(t *testing.T) {
	m := New(Config{Core: isis.Config{Self: isis.MemberID{ID: "n1", Incarnation: 1}}})
	before := (clock.Clock{}).Steady()
	if now := m.Reader().Clock().Steady(); now < before {
		t.Errorf("%v after %v", now, before)
	}
}

// The start is no news, and asks for the first pulse and a donor.
func TestStart(t *testing.T) {
	g := newGroup(t, 2)
	n := g.add(named(3), &options{})
	n.noDonor = true
	d := membership.Directive{
		Group: testGroup, Generation: 1, Settings: membership.DefaultSettings(), Reason: "loads the state",
		Views: []membership.View{{ID: 1, Members: []membership.Member{named(1), named(2)}}}, Joining: []membership.Member{named(3)},
	}
	n.cut[1], n.cut[2] = true, true
	n.do(func(m *Member) { m.Start(&d) })
	n.expectDid("the start", "member.Waits", "timer 0 10ms", "observe n2")
}

// The first reason of an end is it.
func TestFail(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.do(func(m *Member) { m.Fail(errConnection); m.Fail(errFlipped) })
	if n.err != errConnection { //nolint:errorlint // the same
		t.Errorf("%v", n.err)
	}
	if _, err := n.m.Turn(&Inbox{}); err != errConnection { //nolint:errorlint // the same
		t.Errorf("another turn: %v", err)
	}
}

// The end answers everybody, of commands under way that nobody knows.
func TestEnd(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	g.hold("n2", "n1")
	var c client
	size := n.in.Encode(session(), Ticket{Waiter: &c, Tag: 1})
	n.in.Encode(session(), Ticket{Waiter: &c, Tag: 2})
	n.turn()
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: 3}, Position: 100, Deadline: n.soon()})
		m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 4}, Deadline: n.soon()})
		m.Digest(&Read{Ticket: Ticket{Waiter: &c, Tag: 5}, Position: 100, Deadline: n.soon()})
		m.Digest(&Read{Ticket: Ticket{Waiter: &c, Tag: 6}, Deadline: n.soon()})
	})
	n.m.waiting.expireNext() // has had its answer
	n.do(func(m *Member) { m.Park(&Read{Ticket: Ticket{Waiter: late{t, n}}, Position: 100, Deadline: n.soon()}) })
	n.m.Fail(errConnection)
	if _, err := n.m.Turn(&Inbox{}); err == nil {
		t.Fatal("it goes on")
	}
	var rest Inbox
	rest.Encode(session(), Ticket{Waiter: &c, Tag: 7})
	rest.Command([]byte("12345"), Ticket{Waiter: &c, Tag: 8})
	n.m.End(&rest)
	type told struct {
		tag    uint64
		size   int
		status wire.Status
	}
	var got []told
	for _, a := range c.take() {
		got = append(got, told{a.tag, a.size, a.reply.Status})
	}
	want := []told{
		{2, size, wire.StatusInterrupted},
		{7, size, wire.StatusUnavailable},
		{8, 5, wire.StatusUnavailable},
		{4, 0, wire.StatusUnavailable}, // whose barrier has had its answer
		{6, 0, wire.StatusUnavailable}, // and whose audit
		{3, 0, wire.StatusUnavailable},
		{5, 0, wire.StatusUnavailable},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if n.m.reader.InView() || n.m.waiting.Len() != 0 {
		t.Error("it is in a view")
	}
	n.m.End(&Inbox{})
	if len(c.got) > 0 {
		t.Errorf("answers come twice: %+v", c.got)
	}
}

// late holds that a member that answers it is in no view any more.
type late struct {
	t *testing.T
	n *node
}

func (w late) Answer(uint64, int, *wire.Reply) {
	if w.n.m.Reader().InView() {
		w.t.Error("it is in a view while it answers")
	}
}

// How a member is.
func TestStatus(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n2")
	g.hold("n1", "n2")
	for range 5 {
		n.write(session(), &client{})
	}
	n.do(func(m *Member) {
		for range 2 {
			m.Park(&Read{Position: 100, Deadline: n.soon()})
		}
		m.Digest(&Read{Position: 100, Deadline: n.soon()})
	})
	n.cut[3] = true
	delete(n.m.directive.members, 1)
	s := n.m.Status()
	if s.Phase != isis.Normal || s.View != 1 || s.Rank != 1 || s.Position != 0 || s.Queue != 5 || s.UnderWay != 5 || s.Parked != 3 {
		t.Errorf("%+v", s)
	}
	if n.m.core.Pending() == 0 || n.m.core.HeldBack() == 0 {
		t.Errorf("%d, %d", n.m.core.Pending(), n.m.core.HeldBack())
	}
	want := []ViewMember{
		{Member: membership.Member{ID: "n1", Incarnation: 1}, Connected: true},
		{Member: named(2), Connected: true},
		{Member: named(3)},
	}
	if !slices.Equal(s.Members, want) {
		t.Errorf("%+v", s.Members)
	}
	j := g.join(options{})
	j.noDonor = true
	if s := j.m.Status(); s.Phase != isis.Observing || s.View != 0 || s.Rank != -1 || len(s.Members) > 0 {
		t.Errorf("%+v", s)
	}
	g.release()
	g.advance(5 * time.Millisecond)
	if s := n.m.Status(); s.Position != 5 || s.UnderWay != 0 {
		t.Errorf("%+v", s)
	}
}

// Each timer does what it is for, and one of no kind nothing.
func TestFire(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.m.leave.waits = true
	n.do(func(m *Member) { m.Fire(TimerLeave) })
	if n.m.leave.waits {
		t.Error("it waits on")
	}
	n.took()
	n.do(func(m *Member) { m.Fire(Timers) })
	n.expectDid("no timer")
}

// The bounds and times that documents and other releases go by.
func TestBounds(t *testing.T) {
	for _, tc := range []struct {
		name      string
		got, want int64
	}{
		{"DefaultTimeout", int64(DefaultTimeout), int64(30 * time.Second)},
		{"JoinPatience", int64(JoinPatience), int64(10 * time.Second)},
		{"headPatience", int64(headPatience), int64(10 * time.Second)},
		{"leaveAgain", int64(leaveAgain), int64(200 * time.Millisecond)},
		{"aloneAgain", int64(aloneAgain), int64(time.Second)},
		{"ackDelay", int64(ackDelay), int64(time.Millisecond)},
		{"leastStep", int64(leastStep), int64(time.Millisecond)},
		{"leastLeft", int64(leastLeft), int64(10 * time.Millisecond)},
		{"lookCycles", lookCycles, 1 << 16},
		{"maxParkedBytes", maxParkedBytes, 64 << 20},
		{"maxAccountBytes", maxAccountBytes, 16 << 20},
		{"readBytes", readBytes, 512},
		{"farthest", farthest, 1 << 32},
		{"maxAudits", maxAudits, 64},
		{"auditEvery", int64(auditEvery), int64(100 * time.Millisecond)},
		{"maxKeptBytes", maxKeptBytes, 4 << 20},
		{"catchUpBytes", catchUpBytes, 1 << 20},
		{"closeBytes", closeBytes, 256 << 10},
		{"donorRest", donorRest, 3},
		{"refusalsToGiveUp", refusalsToGiveUp, 2},
		{"MaxFrameBytes", MaxFrameBytes, 64 << 20},
	} {
		if tc.got != tc.want {
			t.Errorf("%s is %d, want %d", tc.name, tc.got, tc.want)
		}
	}
}
