package member

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// What a heartbeat says is what the member has.
func TestBeat(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	g.away = true
	g.hold("n2", "n1")
	n.beats = nil
	n.write(session(), &client{})
	n.write(session(), &client{})
	n.ahead = time.Minute
	g.now += time.Second
	n.do(func(m *Member) { m.sendBeat() })
	if len(n.beats) != 1 {
		t.Fatalf("%d heartbeats", len(n.beats))
	}
	b := n.beats[0]
	if b.From != (membership.From{ID: "n1", Incarnation: 1, Group: testGroup, Generation: 1}) || b.At != n.moment() {
		t.Errorf("%+v", b)
	}
	want := membership.Report{View: 1, Peers: []membership.Peer{{Incarnation: 2, Silent: time.Second}}, Figures: membership.Figures{Queue: uint32(n.m.core.HeldBack() + n.m.core.Pending())}}
	if fmt.Sprint(b.Report) != fmt.Sprint(want) || b.Report.Queue == 0 {
		t.Errorf("%+v, want %+v", b.Report, want)
	}
	if n.m.beat.last != g.now || n.m.beat.told != n.m.news() {
		t.Error("it is not noted")
	}
	if n.m.From() != b.From {
		t.Errorf("%+v", n.m.From())
	}
	n.m.joiner.ready, n.m.joiner.donor = true, isis.MemberID{ID: "n7", Incarnation: 7}
	g.release()
	g.advance(5 * time.Millisecond)
	n.do(func(m *Member) { m.sendBeat() })
	if b = n.beats[len(n.beats)-1]; !b.Report.Ready || b.Report.Observed != 7 || b.Report.Position != 2 {
		t.Errorf("%+v", b.Report)
	}
}

// The queue is what waits and what is held back together.
func TestBeatQueue(t *testing.T) {
	g := newGroupWith(t, 2, options{core: isis.Config{Window: 1}})
	n := g.node("n1")
	g.away = true
	g.hold("n2", "n1")
	for range 3 {
		n.write(session(), &client{})
	}
	n.do(func(m *Member) { m.sendBeat() })
	if got := n.beats[len(n.beats)-1].Report.Queue; n.m.core.Pending() != 2 || n.m.core.HeldBack() != 1 || got != 3 {
		t.Errorf("%d", got)
	}
}

// News goes to the registry at once, nothing else does before its time.
func TestNews(t *testing.T) {
	for name, change := range map[string]func(*group, *node){
		"nothing":     func(*group, *node) {},
		"a write":     func(_ *group, n *node) { n.in.Encode(session(), Ticket{}) },
		"ready":       func(_ *group, n *node) { n.m.joiner.ready = true },
		"a view":      func(_ *group, n *node) { n.m.beat.told.view = 0 },
		"wedged":      func(_ *group, n *node) { n.m.core.Wedge(attemptOf(n, 5)) },
		"an attempt":  func(_ *group, n *node) { n.m.beat.told.wedged = 4 },
		"installed":   func(_ *group, n *node) { n.m.beat.told.installed = 4 },
		"a link":      func(_ *group, n *node) { n.cut[2] = true },
		"other links": func(_ *group, n *node) { n.m.beat.told.links = 1 },
	} {
		g := newGroup(t, 2)
		n := g.node("n1")
		g.away = true
		g.hold("n1", "n2")
		n.took()
		change(g, n)
		n.do(func(*Member) {})
		want := name != "nothing" && name != "a write" && name != "a link" // a member's links are no news
		if got := slices.Contains(n.took(), "beat"); got != want {
			t.Errorf("%s: a heartbeat goes out: %v", name, got)
		}
		n.do(func(*Member) {})
		if slices.Contains(n.took(), "beat") {
			t.Errorf("%s: a heartbeat goes out again", name)
		}
	}
}

// attemptOf is an attempt at a view of this node and n2, led by n2.
func attemptOf(n *node, id uint64) isis.Attempt {
	members := []isis.MemberID{n.self, {ID: "n2", Incarnation: 2}}
	return isis.Attempt{View: isis.View{ID: id, Prev: n.m.core.View().ID, Members: members}, Leader: members[1]}
}

// The news are those of the protocol, and how many links a joiner has.
func TestNewsOf(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n1")
	if got := n.m.news(); got != (beatNews{view: 1}) {
		t.Errorf("a member: %+v", got)
	}
	n.m.core.Wedge(attemptOf(n, 5))
	if got := n.m.news(); got != (beatNews{view: 1, wedged: 5}) {
		t.Errorf("wedged: %+v", got)
	}
	j := g.join(options{cut: []uint64{1}})
	j.noDonor = true
	if got := j.m.news(); got != (beatNews{links: 2}) {
		t.Errorf("a joiner: %+v", got)
	}
	j.m.joiner.ready = true
	if got := j.m.news(); got != (beatNews{links: 2, ready: true}) {
		t.Errorf("a joiner that is ready: %+v", got)
	}
	if got := j.m.beat.peers; len(got) != 3 {
		t.Errorf("%+v", got)
	}
	if got := j.m.news(); got.links != 2 || len(j.m.beat.peers) != 3 {
		t.Errorf("a second time: %+v", got)
	}
}

// An attempt that this member has led to its end is news.
func TestInstalledIsNews(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var installed uint64
	g.crash("n2")
	for range 500 {
		g.advance(10 * time.Millisecond)
		for _, b := range n.said {
			installed = max(installed, b.Report.Installed)
		}
	}
	if installed == 0 || len(n.m.core.View().Members) != 1 {
		t.Errorf("installed %d, view %+v", installed, n.m.core.View())
	}
}

func peer(incarnation uint64, silent time.Duration) membership.Peer {
	return membership.Peer{Incarnation: incarnation, Silent: silent}
}

// Since when a member is silent.
func TestPeersHeard(t *testing.T) {
	const s = time.Second
	g := newGroup(t, 4)
	n := g.node("n1")
	now := g.now + 100*s
	b := &n.m.beat
	b.entered = now - 10*s
	silent := func() []membership.Peer { return n.m.peersHeard(now) }
	expect := func(what string, want ...membership.Peer) {
		t.Helper()
		if got := silent(); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	n.heard = map[uint64]time.Duration{2: now - 3*s, 3: now - 20*s, 4: 0}
	expect("since it was heard, or the view began", peer(2, 3*s), peer(3, 10*s), peer(4, 10*s))
	n.cut[2] = true
	expect("a member lists all others", peer(2, 3*s), peer(3, 10*s), peer(4, 10*s))
	b.entered = 0
	expect("never heard", peer(2, 3*s), peer(3, 20*s), peer(4, 0))
	n.heard[4] = now + s
	expect("heard after it was asked", peer(2, 3*s), peer(3, 20*s), peer(4, 0))
	b.accused = map[uint64]bool{2: true, 3: true}
	n.heard[2] = now - s
	expect("accused", peer(2, 2*s), peer(3, 20*s), peer(4, 0))
	b.accused = nil
	n.peers = append(n.peers, link.Peer{MemberID: isis.MemberID{ID: "n9", Incarnation: 9}})
	expect("who is not in the view", peer(2, s), peer(3, 20*s), peer(4, 0))
}

// The first of the view counts as the others do.
func TestFirstIsAPeer(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n2")
	n.heard[1] = g.now
	if got := n.m.peersHeard(g.now); !slices.Equal(got, []membership.Peer{peer(1, 0)}) {
		t.Errorf("%+v", got)
	}
}

// A member that owes an answer to a PROPOSE is silent since the message became the
// oldest that is unfinished, however much comes from it.
func TestPeersAwaited(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n1")
	silent := func() (got [2]time.Duration) {
		peers := n.m.peersHeard(g.now)
		return [2]time.Duration{peers[0].Silent, peers[1].Silent}
	}
	expect := func(what string, n2, n3 time.Duration) {
		t.Helper()
		if got := silent(); got != [2]time.Duration{n2, n3} {
			t.Errorf("%s: %v", what, got)
		}
	}
	hear := func() { n.heard[2], n.heard[3] = g.now, g.now }
	n.m.beat.entered -= time.Minute
	g.hold("n3", "n1")
	n.write(session(), &client{})
	hear()
	expect("it was sent now", 0, 0)
	g.settle()
	g.now += time.Second
	hear()
	expect("a second later", 0, time.Second)
	n.heard[3] = g.now - 5*time.Second
	expect("longer silent", 0, 5*time.Second)
	hear()
	n.write(session(), &client{})
	g.settle()
	g.now += time.Second
	hear()
	expect("the oldest counts", 0, 2*time.Second)
	clear(g.held)
	g.hold("n2", "n1")
	for i := range g.wires { // the answer to the first alone
		if g.wires[i].from.ID == "n3" && g.wires[i].msg.Seq == 1 && g.wires[i].msg.Kind == isis.KindProposal {
			p := g.wires[i]
			n.in.Message(p.from, &p.msg)
		}
	}
	n.turn()
	expect("the next counts from now", 0, 0)
	g.now += time.Second
	hear()
	expect("since then", 0, time.Second)
}

// A node that observes lists the links that are there.
func TestPeersOfAJoiner(t *testing.T) {
	g := newGroup(t, 3)
	j := g.join(options{cut: []uint64{2}})
	j.noDonor = true
	j.heard = map[uint64]time.Duration{1: g.now - time.Second}
	if got, want := j.m.peersHeard(g.now), []membership.Peer{peer(1, time.Second), peer(3, 0)}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// Answers of the registry, and what they are not.
func TestAnswered(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	d := membership.Directive{
		Group: testGroup, Generation: 1, Revision: 1 << 40, Settings: membership.DefaultSettings(), Joining: []membership.Member{named(8)},
	}
	g.now += time.Second
	g.away = true
	before := n.m.Reader().LeaseEnd()
	b := &Beat{From: n.m.From(), Report: membership.Report{View: 1}, At: n.moment()}
	n.do(func(m *Member) { m.Answered(b, nil, errConnection) })
	if n.m.Reader().LeaseEnd() != before || n.err != nil {
		t.Error("no answer counts for one")
	}
	n.do(func(m *Member) { m.Answered(b, &d, nil) })
	if got := n.m.Reader().LeaseEnd(); got != g.now+2*time.Second {
		t.Errorf("the lease ends %v from now", got-g.now)
	}
	if _, ok := n.m.Named(8); !ok {
		t.Error("the directive is not taken")
	}
	n.do(func(m *Member) { m.Answered(b, nil, fmt.Errorf("so: %w", membership.ErrOtherGeneration)) })
	if !errors.Is(n.err, ErrGeneration) || n.m.Successor() != nil || len(eventsOf[NewGeneration](n)) > 0 {
		t.Errorf("it ends with %v", n.err)
	}
}

// A pulse does all that depends on time, and asks for the next.
func TestPulse(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	n.keepAsks = true
	g.away = true
	var c client
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c}, Position: 100, Deadline: g.now + 300*time.Millisecond})
	})
	n.took()
	beat := n.m.beat.last
	g.now = beat + 250*time.Millisecond - 1
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if did := n.took(); slices.Contains(did, "beat") || !slices.Contains(did, "timer 0 125ms") || n.m.pulsed != g.now {
		t.Errorf("too soon: %q", did)
	}
	g.now = beat + 250*time.Millisecond
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if did := n.took(); !slices.Contains(did, "beat") || !slices.Contains(did, "send n2 PROBE") || n.m.beat.last != g.now {
		t.Errorf("in time: %q", did)
	}
	g.now += 50 * time.Millisecond
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if got := c.statuses(); len(got) != 1 {
		t.Errorf("reads: %v", got)
	}
	n.m.waiting.Push(pendingCommand{Ticket: Ticket{Waiter: &c}, since: g.now - DefaultTimeout - 1})
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if got := c.statuses(); len(got) != 1 {
		t.Errorf("writes: %v", got)
	}
	n.m.waiting = waiters{}
	g.now += time.Second
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if n.m.submitted != 1 {
		t.Errorf("ticks: %d", n.m.submitted)
	}
	g.now += time.Hour
	n.do(func(m *Member) { m.Fire(TimerPulse) })
	if len(eventsOf[Lapsed](n)) != 1 {
		t.Error("the lease does not lapse")
	}
}

// A pulse verifies the state.
func TestPulseVerifies(t *testing.T) {
	g := newGroup(t, 1)
	g.open()
	n := g.node("n1")
	n.keepAsks = true
	n.write(g.set("k", "v"), &client{})
	n.do(func(m *Member) {
		flip(m)
		m.Fire(TimerPulse)
	})
	if n.m.Reader().Damage() == nil {
		t.Error("no damage is found")
	}
}

// How long it is to the next pulse.
func TestPulseIntervals(t *testing.T) {
	for _, tc := range []struct {
		inView    bool
		heartbeat time.Duration
		want      time.Duration
	}{
		{false, time.Second, 10 * time.Millisecond},
		{false, time.Millisecond, 10 * time.Millisecond},
		{true, time.Second, 125 * time.Millisecond},
		{true, 250 * time.Millisecond, 125 * time.Millisecond},
		{true, 100 * time.Millisecond, 50 * time.Millisecond},
		{true, 1, time.Millisecond},
	} {
		n := newGroup(t, 1).node("n1")
		n.m.reader.inView.Store(tc.inView)
		n.m.heartbeat = tc.heartbeat
		n.took()
		n.m.armPulse()
		n.expectDid(fmt.Sprintf("%+v", tc), fmt.Sprintf("timer 0 %v", tc.want))
	}
}

// Heartbeats go out as often as the settings say.
func TestBeats(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	n.said = nil
	g.advance(10*time.Second + 20*time.Millisecond)
	if got := len(n.said); got != 40 {
		t.Errorf("%d heartbeats in ten seconds", got)
	}
}
