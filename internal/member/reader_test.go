package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// A reader serves under both clocks, and in a view only.
func TestReaderServes(t *testing.T) {
	g := newGroupWith(t, 1, options{counts: true})
	n := g.node("n1")
	n.ahead = time.Minute
	r := n.m.Reader()
	left := func(steady, wall time.Duration) {
		now := n.moment()
		r.until.steady.Store(int64(now.Steady + steady))
		r.until.wall.Store(int64(now.Wall + wall))
		r.look.forget()
	}
	expect := func(what string, want bool) {
		t.Helper()
		if got := r.Serves(); got != want {
			t.Errorf("%s: it serves: %v", what, got)
		}
	}
	left(1, 1)
	expect("a lease", true)
	left(1, 0)
	expect("none by the clock on the wall", false)
	left(0, 1)
	expect("none by the steady clock", false)
	left(-time.Second, -time.Second)
	expect("none", false)
	left(time.Hour, time.Hour)
	r.inView.Store(false)
	expect("in no view", false)
	if r.InView() {
		t.Error("it says that it is in a view")
	}
	r.inView.Store(true)
	expect("in a view", true)
	if !r.InView() {
		t.Error("it says that it is in no view")
	}
}

// While a look counts, the clocks are not asked; it counts only if there is a counter,
// from when the counter was read, and by the clock of which less is left.
func TestReaderLooks(t *testing.T) {
	for _, counts := range []bool{true, false} {
		g := newGroupWith(t, 1, options{counts: counts})
		n := g.node("n1")
		r := n.m.Reader()
		n.count = 1 << 40
		if !r.Serves() {
			t.Fatal("it does not serve")
		}
		g.now += time.Hour // nobody has looked
		n.count += lookCycles - 1
		if r.Serves() != counts {
			t.Errorf("within the look, counter %v: it serves: %v", counts, !counts)
		}
		n.count++
		if r.Serves() {
			t.Errorf("after the look, counter %v: it serves", counts)
		}
	}
	for _, tc := range []struct {
		steady, wall time.Duration
		want         bool
	}{{leastLeft + 1, time.Hour, true}, {leastLeft, time.Hour, false}, {time.Hour, leastLeft + 1, true}, {time.Hour, leastLeft, false}} {
		g := newGroupWith(t, 1, options{counts: true})
		n := g.node("n1")
		r := n.m.Reader()
		n.count = 1 << 40
		r.look.forget()
		now := n.moment()
		r.until.steady.Store(int64(now.Steady + tc.steady))
		r.until.wall.Store(int64(now.Wall + tc.wall))
		if !r.Serves() || r.look.holds(n.count) != tc.want {
			t.Errorf("%+v: the look holds: %v", tc, !tc.want)
		}
	}
}

// A reader that finds the lease in doubt has the host asked, once.
func TestReaderDoubtsTheLease(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	r := n.m.Reader()
	end := func(steady, wall time.Duration) {
		now := n.moment()
		r.until.steady.Store(int64(now.Steady + steady))
		r.until.wall.Store(int64(now.Wall + wall))
	}
	end(0, 0)
	if r.Serves() || n.doubts != 0 {
		t.Error("a lease that has run out by both clocks is in doubt")
	}
	end(0, 1)
	if r.Serves() || n.doubts != 0 {
		t.Error("a lease that has run out by the steady clock is in doubt")
	}
	end(1, 1)
	if !r.Serves() || n.doubts != 0 {
		t.Error("a lease is in doubt")
	}
	end(1, 0)
	for range 3 {
		if r.Serves() {
			t.Error("the lease lasts")
		}
	}
	if n.doubts != 1 {
		t.Errorf("%d times in doubt", n.doubts)
	}
	end(time.Hour, time.Hour)
	n.do(func(m *Member) { m.lapseIfDue() })
	end(1, 0)
	if r.Serves(); n.doubts != 2 {
		t.Errorf("%d times in doubt, want once again", n.doubts)
	}
}

// Get answers if the member serves and has come to the position.
func TestReaderGet(t *testing.T) {
	g := newGroup(t, 1)
	g.open()
	n := g.node("n1")
	n.write(g.set("k", "v"), &client{})
	r := n.m.Reader()
	if data, version, reflects, ok := r.Get("k", 2); string(data) != "v" || version != 2 || reflects != 2 || !ok {
		t.Errorf("%q, %d, %d, %v", data, version, reflects, ok)
	}
	if _, version, reflects, ok := r.Get("l", 0); version != 0 || reflects != 2 || !ok {
		t.Errorf("what is not there: %d, %d, %v", version, reflects, ok)
	}
	if data, version, reflects, ok := r.Get("k", 3); data != nil || version != 0 || reflects != 0 || ok {
		t.Errorf("a later position: %q, %d, %d, %v", data, version, reflects, ok)
	}
	g.now += time.Hour
	if data, _, _, ok := r.Get("k", 2); data != nil || ok {
		t.Errorf("without a lease: %q, %v", data, ok)
	}
}

// What a reader says of the member is what the member has.
func TestReaderTells(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	r := n.m.Reader()
	if r.LeaseEnd() != g.now+2*time.Second || r.Detection() != 2*time.Second || r.FeatureLevel() != 1 || r.Leaving() || r.Damage() != nil {
		t.Errorf("%v, %v, %d, %v, %v", r.LeaseEnd()-g.now, r.Detection(), r.FeatureLevel(), r.Leaving(), r.Damage())
	}
	made := wire.Operation{Name: "lock", From: wire.FromClient, Level: 2}
	if refusal := r.Refuse(&made); refusal == nil || refusal.Level != 1 || refusal.Operation != &made {
		t.Errorf("an operation above the view's level: %v", refusal)
	}
	if made.Level = 1; r.Refuse(&made) != nil {
		t.Error("an operation of the view's level is refused")
	}
	if r.Clock().Now() != n.moment() {
		t.Errorf("its clock shows %v", r.Clock().Now())
	}
	r.leaving.Store(true)
	if !r.Leaving() {
		t.Error("it does not say that it leaves")
	}
	d := &Damage{Err: errFlipped}
	r.damage.Store(d)
	if r.Damage() != d {
		t.Error("it does not say what is damaged")
	}
	if r.State() != r.state.Load() || r.State() == nil {
		t.Error("it has another state")
	}
}

// A look counts from before the clocks were looked at.
func TestLookCountsFromBefore(t *testing.T) {
	n := newGroupWith(t, 1, options{counts: true}).node("n1")
	n.m.Reader().look.forget()
	n.count = 1 << 40
	n.onNow = func() { n.count += 1000 }
	if !n.m.Reader().Serves() || n.m.Reader().look.at.Load() != 1<<40 {
		t.Errorf("it counts from %d later", n.m.Reader().look.at.Load()-1<<40)
	}
}
