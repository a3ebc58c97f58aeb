package member

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// A step of the clock on the wall moves the lease by it; what lies between two looks is
// none.
func TestClockOnTheWallSetBack(t *testing.T) {
	const s = time.Second
	var l leases
	l.wall.Time = 10 * s
	l.compare(clock.Moment{Steady: 100 * s, Wall: 100 * s})
	l.wall.Vouched(100*s, 100*s)
	for _, step := range []struct {
		now   clock.Moment
		until time.Duration
	}{
		{clock.Moment{Steady: 101 * s, Wall: 101*s - leastStep + 1}, 110 * s},
		{clock.Moment{Steady: 101 * s, Wall: 101*s - leastStep}, 110*s - leastStep},
		{clock.Moment{Steady: 101 * s, Wall: 101*s - leastStep}, 110*s - leastStep}, // once
		{clock.Moment{Steady: 102 * s, Wall: 42 * s}, 50 * s},                       // set back by a minute
		{clock.Moment{Steady: 103 * s, Wall: 43*s + time.Millisecond}, 50 * s},
		{clock.Moment{Steady: 104 * s, Wall: 104 * s}, 50 * s}, // and forward again
		{clock.Moment{Steady: 105 * s, Wall: 104 * s}, 49 * s}, // from there
	} {
		l.compare(step.now)
		if until := l.wall.Until(); until != step.until {
			t.Errorf("at %+v: until %v, want %v", step.now, until, step.until)
		}
	}
}

// While the registry is away, members vouch for one another, as of when they were asked.
func TestVouchedByMembers(t *testing.T) {
	g := newGroup(t, 3)
	g.away = true
	n := g.node("n1")
	g.advance(10 * time.Second)
	if !n.m.Reader().Serves() {
		t.Fatal("it does not serve")
	}
	g.hold("n3", "n1")
	last := n.m.leases.probed
	g.advance(time.Second)
	if got := n.m.Reader().LeaseEnd(); got != last+2*time.Second || n.m.leases.wall.Until() != got {
		t.Errorf("it ends %v after the last probe that all have answered", got-last)
	}
	g.advance(time.Second)
	if n.m.Reader().Serves() {
		t.Error("one member alone vouches for it")
	}
	g.release()
	if !n.m.Reader().Serves() {
		t.Error("a late answer does not count")
	}
}

// Probes go out as often as heartbeats, and at once in a new view.
func TestProbes(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	if n.m.leases.probes != 1 || n.m.leases.probed != g.now {
		t.Errorf("%d probes when the view is entered", n.m.leases.probes)
	}
	g.advance(10*time.Second + 100*time.Millisecond)
	if got := n.m.leases.probes; got != 41 {
		t.Errorf("%d probes in ten seconds", got)
	}
	n.m.leases.probed = g.now
	g.now += n.m.heartbeat - 1
	n.do(func(m *Member) { m.probeIfDue() })
	if n.m.leases.probed == g.now {
		t.Error("a probe goes out too soon")
	}
	g.now++
	n.do(func(m *Member) { m.probeIfDue() })
	if n.m.leases.probed != g.now {
		t.Error("no probe goes out")
	}
}

// The registry's answer to a heartbeat vouches for a member that it knows of no later
// view, no other group and no other generation, and that is in a view.
func TestTakeVouch(t *testing.T) {
	const s = time.Second
	good := func() (*Beat, *membership.Directive) {
		return &Beat{Report: membership.Report{View: 5}, At: clock.Moment{Steady: began + 3*s, Wall: began + 4*s}},
			&membership.Directive{Group: testGroup, Generation: 1, Views: []membership.View{{ID: 4}, {ID: 5}}}
	}
	for _, tc := range []struct {
		name   string
		change func(*Beat, *membership.Directive)
		want   bool
	}{
		{"as it should be", func(*Beat, *membership.Directive) {}, true},
		{"no views", func(_ *Beat, d *membership.Directive) { d.Views = nil }, true},
		{"in no view", func(b *Beat, d *membership.Directive) { b.Report.View, d.Views = 0, nil }, false},
		{"excluded", func(_ *Beat, d *membership.Directive) { d.Excluded = true }, false},
		{"another group", func(_ *Beat, d *membership.Directive) { d.Group++ }, false},
		{"another generation", func(_ *Beat, d *membership.Directive) { d.Generation++ }, false},
		{"a later view", func(_ *Beat, d *membership.Directive) { d.Views[1].ID = 6 }, false},
		{"a later view before", func(_ *Beat, d *membership.Directive) { d.Views[0].ID = 6 }, false},
	} {
		n := newGroup(t, 1).node("n1")
		n.g.now += 10 * s
		n.m.leases.steady.Time, n.m.leases.wall.Time = 100*s, 200*s
		before := n.m.leases.steady.Until()
		b, d := good()
		tc.change(b, d)
		n.m.takeVouch(b, d)
		steady, wall := n.m.leases.steady.Until(), n.m.leases.wall.Until()
		if tc.want && (steady != began+103*s || wall != began+204*s) || !tc.want && steady != before {
			t.Errorf("%s: until %v and %v", tc.name, steady-began, wall-began)
		}
	}
}

// By a clock that is behind what the heartbeat says, it was asked now.
func TestVouchNeedsBothClocks(t *testing.T) {
	const s = time.Second
	n := newGroup(t, 1).node("n1")
	n.m.leases.steady.Time, n.m.leases.wall.Time = 100*s, 100*s
	n.ahead = -5 * s
	n.m.takeVouch(&Beat{Report: membership.Report{View: 1}, At: clock.Moment{Steady: began, Wall: began}}, &membership.Directive{Group: testGroup, Generation: 1})
	if steady, wall := n.m.leases.steady.Until(), n.m.leases.wall.Until(); steady != began+100*s || wall != began+95*s {
		t.Errorf("until %v, %v", steady-began, wall-began)
	}
	n = newGroup(t, 1).node("n1")
	n.m.leases.steady.Time, n.m.leases.wall.Time = 100*s, 100*s
	n.ahead = 1 - leastStep // no step, but behind
	n.m.takeVouch(&Beat{Report: membership.Report{View: 1}, At: clock.Moment{Steady: began, Wall: began}}, &membership.Directive{Group: testGroup, Generation: 1})
	if wall := n.m.leases.wall.Until(); wall != n.moment().Wall+100*s {
		t.Errorf("until %v", wall-began)
	}
}

// The first lease, and another after one has run out, are told.
func TestServesIsTold(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	if got := eventsOf[Serves](n); !slices.Equal(got, []Serves{{First: true}}) {
		t.Fatalf("%+v", got)
	}
	g.away = true
	g.hold("n2", "n1")
	g.advance(3 * time.Second)
	if got := eventsOf[Lapsed](n); len(got) != 1 || got[0] != (Lapsed{Expired: true, View: 1, Phase: n.m.core.Phase()}) {
		t.Fatalf("%+v", got)
	}
	g.away = false
	g.advance(time.Second)
	if got := eventsOf[Serves](n); !slices.Equal(got, []Serves{{First: true}, {}}) || !n.m.Reader().Serves() {
		t.Fatalf("%+v", got)
	}
}

// The time of a lease is the detection time as the registry says it last.
func TestLeaseTimeFollows(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	settings := membership.DefaultSettings()
	settings.Detection, settings.Heartbeat = 8*time.Second, 2*time.Second
	n.do(func(m *Member) { m.follow(&settings) })
	if n.m.heartbeat != 2*time.Second || n.m.Reader().Detection() != 8*time.Second {
		t.Fatalf("%v, %v", n.m.heartbeat, n.m.Reader().Detection())
	}
	for _, ahead := range []time.Duration{time.Minute, -time.Minute, 0} {
		g.now += time.Hour
		n.ahead = ahead
		n.do(func(*Member) {})
		n.do(func(m *Member) { m.sendProbe() })
		now, r := n.moment(), n.m.Reader()
		if got := r.LeaseEnd() - now.Steady; got != 8*time.Second {
			t.Errorf("it lasts %v", got)
		}
		if got := time.Duration(r.until.wall.Load()) - now.Wall; got != 8*time.Second || n.m.leases.wall.Until() != now.Wall+got {
			t.Errorf("by the clock on the wall, %v ahead, it lasts %v", ahead, got)
		}
	}
}

// A lapse answers who waits, in the order of what they wait for. Their places remain.
func TestLapse(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	g.away = true
	g.hold("n2", "n1")
	far := g.now + time.Hour
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: 1}, Position: 100, Deadline: far})
		m.Digest(&Read{Ticket: Ticket{Waiter: &c, Tag: 2}, Position: 100, Deadline: far})
	})
	size := n.in.Encode(session(), Ticket{Waiter: &c, Tag: 3})
	n.turn()
	g.advance(1900 * time.Millisecond)
	if len(c.got) > 0 {
		t.Fatalf("too soon: %+v", c.got)
	}
	n.in.Encode(session(), Ticket{Waiter: &c, Tag: 4})
	n.turn()
	g.advance(500 * time.Millisecond)
	want := []answer{
		{3, size, wire.Reply{Status: wire.StatusInterrupted}},
		{4, size, wire.Reply{Status: wire.StatusInterrupted}},
		{1, 0, wire.Reply{Status: wire.StatusUnavailable}},
		{2, 0, wire.Reply{Status: wire.StatusUnavailable}},
	}
	got := c.take()
	if len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i].tag != want[i].tag || got[i].size != want[i].size || got[i].reply.Status != want[i].reply.Status {
			t.Errorf("answer %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if n.m.leases.held || n.m.parked.reads.Len() > 0 || n.m.waiting.Len() != 3 { // the writes, and a tick
		t.Errorf("%d wait", n.m.waiting.Len())
	}
	if n.released != 0 {
		t.Errorf("%d bytes are released", n.released)
	}
	g.away = false
	g.release()
	g.advance(time.Second)
	if n.released != 2*size || len(c.got) > 0 {
		t.Errorf("%d bytes are released; %+v", n.released, c.got)
	}
}

// A clock on the wall that is set forward has the members and the registry asked at
// once, and those who wait are not refused before the answers can have come.
func TestDoubt(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	n.do(func(m *Member) { m.Park(&Read{Ticket: Ticket{Waiter: &c}, Position: 100, Deadline: g.now + time.Hour}) })
	probes := n.m.leases.probes
	n.ahead = time.Hour
	g.away = true
	g.hold("n2", "n1")
	n.took()
	pulse := func() { n.do(func(m *Member) { m.pulse() }) }
	pulse()
	if got := eventsOf[Doubted](n); len(got) != 1 || got[0].View != 1 || n.m.leases.probes != probes+1 || !slices.Contains(n.took(), "beat") {
		t.Fatalf("%+v, %d probes", got, n.m.leases.probes-probes)
	}
	if n.m.Reader().Serves() || len(c.got) > 0 {
		t.Fatalf("in doubt: %+v", c.got)
	}
	g.now += n.m.heartbeat - 1
	pulse()
	if len(eventsOf[Doubted](n)) != 1 || len(c.got) > 0 {
		t.Fatalf("%+v", c.got)
	}
	g.now++
	pulse()
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable}) || len(eventsOf[Lapsed](n)) != 1 {
		t.Fatalf("when the doubt is over: %v", got)
	}
	g.away = false
	g.release()
	g.advance(time.Second)
	if !n.m.Reader().Serves() || n.m.leases.doubted != 0 {
		t.Fatal("the answers do not count")
	}
	n.ahead += time.Hour
	pulse()
	if len(eventsOf[Doubted](n)) != 2 {
		t.Error("a second doubt is not told")
	}
	g.settle()
	if !n.m.Reader().Serves() || len(eventsOf[Lapsed](n)) != 1 {
		t.Error("the second doubt does not end")
	}
}

// A lease that has run out by the steady clock, or nearly, is in no doubt.
func TestNoDoubt(t *testing.T) {
	for _, tc := range []struct {
		name         string
		steady, wall time.Duration // left
		change       func(*Member)
		want         bool
	}{
		{"the clock on the wall is set forward", leastStep, 0, nil, true},
		{"long ago", time.Second, -time.Hour, nil, true},
		{"it lasts by both", time.Second, 1, nil, false},
		{"it has nearly run out by the steady clock", leastStep - 1, 0, nil, false},
		{"barred", time.Second, 0, func(m *Member) { m.leases.barred = true }, false},
		{"in no view", time.Second, 0, func(m *Member) { m.reader.inView.Store(false) }, false},
	} {
		n := newGroup(t, 1).node("n1")
		now := n.moment()
		n.m.reader.until.steady.Store(int64(now.Steady + tc.steady))
		n.m.reader.until.wall.Store(int64(now.Wall + tc.wall))
		if tc.change != nil {
			tc.change(n.m)
		}
		if got := n.m.inDoubt(); got != tc.want || len(eventsOf[Doubted](n)) == 1 != tc.want {
			t.Errorf("%s: in doubt: %v", tc.name, got)
		}
	}
}

// A lapse needs a lease that was held.
func TestNothingLapsesTwice(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	g.now += time.Hour
	n.m.lapseIfDue()
	n.m.lapseIfDue()
	if got := eventsOf[Lapsed](n); len(got) != 1 || !got[0].Expired {
		t.Errorf("%+v", got)
	}
}

// What readers look at all the time is not written to without need.
func TestSetIfNew(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	setIfNew(&n.m.reader.until.steady, 5)
	if n.m.reader.LeaseEnd() != 5 {
		t.Error("it is not set")
	}
}

// A member whose clock on the wall is set back notes it in its next turn.
func TestSetBackIsNoted(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	before := n.m.leases.wall.Until()
	n.ahead = -500 * time.Millisecond
	n.do(func(*Member) {})
	if got := before - n.m.leases.wall.Until(); got != 500*time.Millisecond {
		t.Errorf("the lease ends %v earlier", got)
	}
}
