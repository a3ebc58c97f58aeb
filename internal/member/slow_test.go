package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
)

// A peer owes an answer from when the PROPOSE has reached it. Until then it is silent only
// if the link is slower than leastRate in both directions.
func TestOwes(t *testing.T) {
	type look struct {
		at   time.Duration
		end  uint64
		kept int
		want time.Duration
		came uint64
	}
	const mib, pause = 1 << 20, 3 * time.Second
	for name, looks := range map[string][]look{
		"it has arrived": {{1 * time.Second, 1000, 0, time.Second, 0}, {2 * time.Second, 1000, 0, 2 * time.Second, 0}},
		"more was sent since": {
			{1 * time.Second, 1000, 0, time.Second, 0}, {2 * time.Second, 9 * mib, 9 * mib, 2 * time.Second, 0},
		},
		"it is on its way": {
			{0, mib, mib, -32 * time.Second, 0}, {2 * time.Second, mib, mib, -30 * time.Second, 0}, {33 * time.Second, mib, mib, time.Second, 0},
		},
		"it arrives": {
			{0, mib, mib, -32 * time.Second, 0},
			{8 * time.Second, 2 * mib, mib + 1, -24 * time.Second, 0},
			{9 * time.Second, 2 * mib, mib, 0, 0},
			{11 * time.Second, 2 * mib, mib, 2 * time.Second, 0},
		},
		"the link begins anew": {{0, mib, mib, -32 * time.Second, 0}, {1 * time.Second, 10, 10, 0, 0}, {3 * time.Second, 20, 10, 2 * time.Second, 0}},
		"what comes is ahead of the answer": {
			{1 * time.Second, 1000, 0, time.Second, 0},
			{2 * time.Second, 1000, 0, time.Second, leastRate},
			{9 * time.Second, 1000, 0, 0, 9 * leastRate},
			{12 * time.Second, 1000, 0, 3 * time.Second, 9 * leastRate},
		},
		"what comes fast gives no more time than a pause": {
			{1 * time.Second, 1000, 0, time.Second, 0},
			{2 * time.Second, 1000, 0, -pause, 9 * mib},
			{6 * time.Second, 1000, 0, 4*time.Second - pause, 9 * mib},
		},
		"what comes is more than can be ahead": {
			{0, 1000, 0, 0, 0},
			{1 * time.Second, 1000, 0, -pause, mostAhead},
			{2 * time.Second, 1000, 0, time.Second - pause, mostAhead + mib},
			{9 * time.Second, 1000, 0, 8*time.Second - pause, mostAhead + 9*mib},
		},
		"that it has arrived is said behind what comes": {
			{0, 1000, 10, -timeFor(20), 0},
			{4 * time.Second, 1000, 10, -timeFor(20), 4 * leastRate},
			{5 * time.Second, 1000, 0, 0, 5 * leastRate},
			{6 * time.Second, 1000, 0, 1 * time.Second, 5 * leastRate},
		},
		"what was sent before it passes": {
			{0, mib, mib, -32 * time.Second, 0},
			{8 * time.Second, mib, 10, -24 * time.Second, 0},
		},
		"the link is another one": {
			{0, 1000, 10, -timeFor(20), 9},
			{1 * time.Second, 1000, 10, time.Second - timeFor(20), 1},
		},
	} {
		var b heartbeat
		for i, l := range looks {
			p := &link.Status{Peer: link.Peer{MemberID: isis.MemberID{ID: "n2", Incarnation: 2}}, End: l.end, Came: l.came, KeptBytes: l.kept}
			if got := b.owes(p, l.at, pause); got != l.want {
				t.Errorf("%s, look %d: it owes for %v, want %v", name, i, got, l.want)
			}
		}
	}
}

// The lag is that of the oldest message under way, not of the latest.
func TestLag(t *testing.T) {
	g := newGroupWith(t, 2, options{core: isis.Config{Window: 4}})
	n := g.node("n1")
	g.away = true
	lag := func() time.Duration {
		n.do(func(m *Member) { m.sendBeat() })
		return n.beats[len(n.beats)-1].Report.Lag
	}
	if got := lag(); got != 0 {
		t.Errorf("with nothing under way: %v", got)
	}
	g.hold("n2", "n1")
	n.write(session(), &client{})
	lag()
	g.now += time.Second
	n.write(session(), &client{})
	lag()
	g.now += time.Second
	if got := lag(); got != 2*time.Second {
		t.Errorf("%v, and the first message is 2 s old", got)
	}
	g.release()
	g.settle()
	if got := lag(); got != 0 {
		t.Errorf("after all are delivered: %v", got)
	}
}

// A member that is told to ease has one message under way, and says so at once.
func TestEases(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	g.away = true
	g.hold("n2", "n1")
	for range 2 {
		n.write(session(), &client{})
	}
	d := *n.latest()
	d.Ease = true
	n.direct(&d)
	if n.m.beat.told.eased {
		t.Error("it says so with two messages under way")
	}
	g.release()
	g.settle()
	if !n.m.beat.told.eased {
		t.Error("it does not say so")
	}
	d.Ease = false
	n.direct(&d)
	if n.m.beat.told.eased {
		t.Error("it says so when it need not any more")
	}
}

// A member that has a pace sends as much in a second.
func TestPaced(t *testing.T) {
	g := newGroupWith(t, 1, options{core: isis.Config{MaxBatchBytes: 1}})
	n := g.node("n1")
	g.away = true
	d := *n.latest()
	d.Pace = 100
	n.direct(&d)
	from := n.position()
	for range 1500 {
		n.write(session(), &client{})
	}
	size := len(session().Append(nil))
	g.advance(10 * time.Second)
	bytes := int(n.position()-from) * size
	if bytes < 900 || bytes > 1100 {
		t.Errorf("%d bytes in 10 s, at a pace of 100", bytes)
	}
	d.Pace = 0
	n.direct(&d)
	n.turn()
	if got := n.position() - from; got < 1500 {
		t.Errorf("%d commands are delivered without a pace", got)
	}
}

// What waits for joiners, and how fast it goes, is that of the one that is furthest behind.
func TestFeeding(t *testing.T) {
	g, n, d := donating(t, 1000, leastMeasured+200)
	feeding := func() (waiting, rate uint64) {
		n.do(func(m *Member) { waiting, rate = m.feeding() })
		return waiting, rate
	}
	q := &queue{waits: 5000}
	d.feed = q
	next := func(takes time.Duration) {
		t.Helper()
		b, pause, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if g.now += pause; len(b) > 0 {
			g.now += takes
		}
	}
	next(0)
	if waiting, rate := feeding(); waiting != 0 || rate != 0 {
		t.Errorf("before a rate is known %d bytes wait, %d go in a second", waiting, rate)
	}
	for range 5 {
		next(time.Second)
	}
	const most = leastMeasured * 5 / 4
	if waiting, rate := feeding(); waiting != 5000 || rate < leastMeasured || rate > most {
		t.Errorf("%d bytes wait, %d go in a second, of %d or so", waiting, rate, leastMeasured)
	}
	q.waits = 9000
	if waiting, _ := feeding(); waiting != 9000 {
		t.Errorf("%d bytes wait, of 9000 since the donor writes", waiting)
	}
	d.step = sendDeliveries
	q.waits = closeBytes + 1 // no heads
	for range 50 {
		q.parts = append(q.parts, make([]byte, leastMeasured-1))
		next(time.Minute)
	}
	if _, rate := feeding(); rate < leastMeasured || rate > most {
		t.Errorf("%d bytes go in a second, by what is too little to tell", rate)
	}
	n.m.giving[0].joiner = 77 // whom the registry does not name
	if waiting, rate := feeding(); waiting != 0 || rate != 0 {
		t.Errorf("without a joiner %d bytes wait, %d go in a second", waiting, rate)
	}
}

// A donor that has ended is no joiner's any more, though the registry still names that.
func TestFeedingEnds(t *testing.T) {
	_, n, d := donating(t, 1, 0)
	d.feed = &queue{waits: 5000}
	d.rate.Store(1000)
	n.do(func(m *Member) {
		if waiting, rate := m.feeding(); waiting != 5000 || rate != 1000 {
			t.Errorf("%d bytes wait, %d go in a second", waiting, rate)
		}
		d.Close()
		if waiting, rate := m.feeding(); waiting != 0 || rate != 0 || len(m.giving) != 0 {
			t.Errorf("after its end %d bytes wait, %d go in a second", waiting, rate)
		}
	})
}
