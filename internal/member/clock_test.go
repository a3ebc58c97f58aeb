package member

import (
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

// putFor sets a variable for so many milliseconds.
func (g *group) putFor(key string, ttl uint64) *wire.Command {
	g.seq++
	txn := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: key, Value: []byte("v"), TTL: ttl}}}
	return &wire.Command{Op: wire.OpTxn, Session: g.session, Seq: g.seq, Floor: g.seq, Value: txn.Append(nil)}
}

// timed is a group whose members know TTLs, with a session.
func timed(t *testing.T, n int) *group {
	g := newGroupWith(t, n, options{level: wire.LevelVariables})
	g.open()
	g.deliveries()
	return g
}

func TestTickInterval(t *testing.T) {
	for _, tc := range []struct {
		due  store.Due
		took time.Duration // by the latest tick
		want time.Duration
	}{
		{store.Due{}, 0, time.Second},
		{store.Due{Unarmed: true}, time.Second, leastTick},
		{store.Due{Timed: true, Left: 1}, time.Second, leastTick},
		{store.Due{Timed: true, Left: 9}, 0, leastTick},
		{store.Due{Timed: true, Left: 11}, 0, 11 * time.Millisecond},
		{store.Due{Timed: true, Left: 999}, 0, 999 * time.Millisecond},
		{store.Due{Timed: true, Left: 1001}, 0, time.Second},
		{store.Due{Timed: true, Left: wire.MaxTTL + 1}, 0, time.Second},
		{store.Due{Timed: true, Left: 500, Unarmed: true}, 0, leastTick},
		{store.Due{Timed: true}, 0, leastRest}, // a tick has left some
		{store.Due{Timed: true}, 2 * time.Millisecond, 6 * time.Millisecond},
		{store.Due{Timed: true, Unarmed: true}, 20 * time.Millisecond, 60 * time.Millisecond},
		{store.Due{Timed: true}, time.Minute, time.Second},
	} {
		c := ordinalClock{tick: time.Second, took: tc.took}
		if got := c.interval(tc.due); got != tc.want {
			t.Errorf("%+v after %v: %v, want %v", tc.due, tc.took, got, tc.want)
		}
	}
}

// A variable expires when its time is over, at every member, whoever has set it; not
// earlier, and not much later. Without one there is a tick each interval.
func TestVariableExpires(t *testing.T) {
	g := timed(t, 3)
	g.advance(300 * time.Millisecond)
	var c client
	n := g.node("n3")
	n.write(g.putFor("k", 100), &c)
	g.settle()
	set := g.now
	for n.value("k") != "" {
		g.advance(time.Millisecond)
	}
	if late := g.now - set - 100*time.Millisecond; late < 0 || late > 25*time.Millisecond {
		t.Errorf("it expired %v late", late)
	}
	for _, n := range g.nodes {
		if n.value("k") != "" {
			t.Errorf("%s has it", n.named.ID)
		}
	}
	clocks := slices.DeleteFunc(n.ordered(), func(c wire.Command) bool { return c.Op != wire.OpClock })
	if len(clocks) != 2 { // one that starts the timer, and one with which it is over
		t.Errorf("%d ticks: %+v", len(clocks), clocks)
	}
	g.advance(10 * time.Second)
	if got := len(n.ordered()); got > 10 {
		t.Errorf("%d commands in ten seconds in which nothing is due", got)
	}
}

// A tick says what its sender had applied, and what is left of a millisecond is for the next.
// What is longer than an interval is lost.
func TestClockCommands(t *testing.T) {
	g := timed(t, 2)
	n := g.node("n1")
	c := &n.m.ordinal
	for _, tc := range []struct{ after, ticked, delta time.Duration }{
		{time.Second - 1, 0, -1},
		{time.Second + 1, time.Second + 1, 1000 * time.Millisecond},
		{1500 * time.Millisecond, 1500 * time.Millisecond, 1000 * time.Millisecond},
	} {
		start, applied := c.ticked, n.position()
		n.do(func(m *Member) { m.orderTime(start + tc.after) })
		g.settle()
		got := n.ordered()
		switch {
		case tc.delta < 0 && len(got) != 0:
			t.Errorf("after %v: %+v", tc.after, got)
		case tc.delta >= 0 && (len(got) != 1 || got[0].Op != wire.OpClock || got[0].Delta != tc.delta.Milliseconds() || got[0].Expect != applied):
			t.Errorf("after %v: %+v, want %v, seen %d", tc.after, got, tc.delta, applied)
		case c.ticked-start != tc.ticked:
			t.Errorf("after %v: counted up to %v", tc.after, c.ticked-start)
		}
	}
	n.write(g.putFor("k", 60_000), &client{})
	g.settle()
	n.ordered()
	start := c.ticked
	n.do(func(m *Member) { m.orderTime(start + 12*time.Millisecond + 700*time.Microsecond) })
	g.settle()
	if got := n.ordered(); len(got) != 1 || got[0].Delta != 12 || c.ticked-start != 12*time.Millisecond {
		t.Errorf("%+v, counted up to %v", got, c.ticked-start)
	}
}

// A member of a view that does not know TTLs orders the ticks of before.
func TestOldTicks(t *testing.T) {
	g := newGroupWith(t, 2, options{level: wire.LevelVariables - 1})
	g.deliveries()
	g.advance(3 * time.Second)
	got := g.node("n1").ordered()
	if len(got) < 2 {
		t.Fatalf("%d ticks", len(got))
	}
	for _, c := range got {
		if c.Op != wire.OpTick || c.Expect != 0 {
			t.Errorf("%+v", c)
		}
	}
}

// The timer of the next tick is armed by the first member alone, once, for when something is
// due; not while a tick is under way, nor without a lease.
func TestClockTimer(t *testing.T) {
	g := timed(t, 2)
	n, other := g.node("n1"), g.node("n2")
	if n.m.ordinal.armed != 0 {
		t.Fatal("armed though nothing is due")
	}
	n.write(g.putFor("k", 200), &client{})
	g.settle()
	if want := max(n.m.ordinal.ticked+leastTick, 1); n.m.ordinal.armed != want || other.m.ordinal.armed != 0 {
		t.Fatalf("armed for %v and %v, want %v", n.m.ordinal.armed-g.now, other.m.ordinal.armed, want-g.now)
	}
	g.advance(leastTick)
	if got, want := n.m.ordinal.armed, n.m.ordinal.ticked+201*time.Millisecond; got != want {
		t.Fatalf("then armed for %v, want %v", got-g.now, want-g.now)
	}
	// Something that is due earlier arms it again, something later does not.
	n.write(g.putFor("l", 5), &client{})
	g.settle()
	if got, want := n.m.ordinal.armed, n.m.ordinal.ticked+leastTick; got != want {
		t.Errorf("armed for %v, want %v", got-g.now, want-g.now)
	}
	g.hold("n2", "n1")
	g.advance(50 * time.Millisecond)
	if !n.m.tickUnderWay() || n.m.ordinal.armed != 0 {
		t.Errorf("a tick is under way: %v, armed for %v", n.m.tickUnderWay(), n.m.ordinal.armed)
	}
	g.release()
	if n.m.ordinal.armed == 0 {
		t.Error("not armed when the tick was delivered")
	}
	n.m.reader.inView.Store(false)
	n.m.ordinal.armed = 0
	n.do(func(*Member) {})
	if n.m.ordinal.armed != 0 {
		t.Error("armed without a lease")
	}
}

// A member that becomes the first counts from then on: what the one before has counted is
// not counted again.
func TestTimeIsCountedOnce(t *testing.T) { checkTimeIsCountedOnce(t) }

func checkTimeIsCountedOnce(t testing.TB) {
	g := newGroupWith(t, 3, options{level: wire.LevelVariables, settings: membership.Settings{Detection: 200 * time.Millisecond, Heartbeat: 20 * time.Millisecond}})
	g.open()
	g.advance(time.Second)
	n := g.node("n3")
	n.write(g.putFor("k", 2000), &client{})
	g.settle()
	set := g.now
	g.advance(500 * time.Millisecond)
	g.crash("n1")
	g.advance(400 * time.Millisecond)
	if !g.node("n2").m.ordinal.first {
		t.Fatal("n2 is not the first")
	}
	for n.value("k") != "" {
		g.advance(time.Millisecond)
	}
	// What n1 has not counted, and the outage, do not count.
	if late := g.now - set - 2*time.Second; late < 0 || late > 1400*time.Millisecond {
		t.Errorf("it expired %v late", late)
	}
}

// All replicas count the same, also one that has just joined.
func TestTimeIsOrdered(t *testing.T) { checkTimeIsOrdered(t) }

func checkTimeIsOrdered(t testing.TB) {
	g := newGroupWith(t, 2, options{level: wire.LevelVariables})
	g.open()
	g.advance(1300 * time.Millisecond)
	n := g.joinAt(options{}, wire.LevelVariables)
	for range 100 { // ticks follow one another quickly
		g.node("n1").write(g.putFor("k", 60_000), &client{})
		g.advance(50 * time.Millisecond)
	}
	want := g.node("n1").m.Reader().State()
	if got := n.m.Reader().State(); got.Applied() != want.Applied() || got.Digest() != want.Digest() {
		t.Errorf("the joiner has %x at %d, another member %x at %d", got.Digest(), got.Applied(), want.Digest(), want.Applied())
	}
}

// While more variables are due than one tick removes, ticks take a third of the time.
func TestTicksRest(t *testing.T) {
	g := timed(t, 2)
	n := g.node("n1")
	c := &n.m.ordinal
	txn := wire.Txn{}
	for i := range 700 { // for three ticks
		txn.Then = append(txn.Then, wire.TxnOp{Kind: wire.TxnPut, Key: fmt.Sprint(i), TTL: 50})
	}
	g.seq++
	n.write(&wire.Command{Op: wire.OpTxn, Session: g.session, Seq: g.seq, Floor: g.seq, Value: txn.Append(nil)}, &client{})
	g.settle()
	g.advance(leastTick) // the timers start
	state := n.m.Reader().State()
	for i, want := range []struct {
		took time.Duration // by the tick
		left int
		rest time.Duration // until the next
	}{{4 * time.Millisecond, 444, 12 * time.Millisecond}, {0, 188, leastRest}, {time.Millisecond, 0, time.Second}} {
		at := n.m.ordinal.armed
		g.advance(at - g.now - 1)
		if want.took > 0 {
			g.hold("n2", "n1")
		}
		g.advance(1 + want.took)
		g.release()
		if state.Timers() != want.left || c.took != want.took {
			t.Fatalf("tick %d: %d variables are left after %v, want %+v", i, state.Timers(), c.took, want)
		}
		if rest := c.interval(state.Due()); rest != want.rest || want.left > 0 && c.armed != c.ticked+rest {
			t.Errorf("tick %d: the next after %v, armed for %v, want %+v", i, rest, c.armed-at, want)
		}
	}
}

// A tick of before does not say how long the ticks take of a member that becomes the first again.
func TestTimingBeginsAgain(t *testing.T) {
	c := ordinalClock{timing: true, sent: time.Second}
	c.enter(false, time.Minute)
	c.enter(true, time.Hour)
	if c.timing || !c.first {
		t.Errorf("%+v", c)
	}
}

// A tick that the core does not take, since too much waits in it, is not under way: it is tried
// again, not all the time, and counts what has passed meanwhile. Nothing else needs to be
// submitted here.
func TestRefusedTick(t *testing.T) {
	g := timedFull(t)
	n := g.node("n1")
	c := &n.m.ordinal
	n.write(g.putFor("k", 100), &client{})
	g.settle()
	g.advance(leastTick) // the timer starts
	g.fill()
	ticked, submitted := c.ticked, n.m.submitted
	n.took()
	g.advance(200 * time.Millisecond)
	if c.refused == 0 || c.ticked != ticked || n.m.tickUnderWay() || n.m.submitted != submitted {
		t.Fatalf("one that is refused: %+v, %d submitted", c, n.m.submitted-submitted)
	}
	tries := 0
	for _, what := range n.took() {
		if strings.HasPrefix(what, fmt.Sprintf("timer %d ", TimerClock)) {
			tries++
		}
	}
	if tries < 5 || tries > 10 {
		t.Errorf("%d tries in the 100 ms in which it was due", tries)
	}
	g.release()
	g.advance(leastTick)
	if n.value("k") != "" || n.m.submitted != submitted+1 {
		t.Errorf("it has %q, which was over, %d submitted", n.value("k"), n.m.submitted-submitted)
	}
}

// timedFull is a group of two whose first member takes no more than fill gives it.
func timedFull(t *testing.T) *group {
	g := newGroupWith(t, 2, options{level: wire.LevelNewest, core: isis.Config{MaxPendingBytes: 1, MaxBatchCommands: 1, Window: 1}})
	g.open()
	return g
}

// fill has the core of the first member take nothing more until release.
func (g *group) fill() {
	g.hold("n2", "n1")
	g.node("n1").write(session(), &client{}) // is sent
	g.node("n1").write(session(), &client{}) // waits
}

// A quota that the core does not take is tried again.
func TestRefusedQuota(t *testing.T) {
	g := timedFull(t)
	n := g.node("n1")
	g.fill()
	want := store.Quota{Bytes: 1 << 20, Variables: 1000}
	order := func() store.Quota {
		n.do(func(m *Member) {
			m.ordinal.quota = &want
			m.orderTime(g.now)
		})
		g.settle()
		has, _ := n.m.reader.state.Load().Quota()
		return has
	}
	if got := order(); got == want {
		t.Fatal("it is not refused")
	}
	g.release()
	if got := order(); got != want {
		t.Errorf("then the quota is %+v", got)
	}
}
