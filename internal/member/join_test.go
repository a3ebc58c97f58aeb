package member

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// joining returns a group of n members with a joiner that has loaded the state and is
// ready, but no member yet, since it cannot be linked with n1, and the registry's latest
// directive.
func joining(t *testing.T, n int) (*group, *node, membership.Directive) {
	t.Helper()
	g := newGroup(t, n)
	g.open()
	j := g.join(options{cut: []uint64{1}})
	g.advance(100 * time.Millisecond)
	if !j.m.joiner.ready || j.m.Reader().InView() {
		t.Fatalf("the joiner is ready: %v, in a view: %v", j.m.joiner.ready, j.m.Reader().InView())
	}
	d, err := g.registry.Directive(j.m.From(), 0)
	if err != nil {
		t.Fatal(err)
	}
	j.took()
	return g, j, d
}

// without returns a directive with an attempt at a view of which one member is not
// part.
func without(d *membership.Directive, incarnation uint64) *membership.Directive {
	view := d.Views[len(d.Views)-1]
	a := membership.Attempt{View: membership.View{ID: view.ID + 1, Prev: view.ID}}
	for _, m := range append(append([]membership.Member{}, view.Members...), d.Joining...) {
		if m.Incarnation != incarnation {
			a.View.Members = append(a.View.Members, m)
		}
	}
	a.Leader = a.View.Members[0].Incarnation
	next := *d
	next.Attempt, next.Revision = &a, d.Revision+1
	return &next
}

// A donor that will not be in the next view is given up, and the joiner is not ready
// without it: also if the transfer is over, or another is under way.
func TestDonorOfNoNextView(t *testing.T) {
	t.Run("it is followed", func(t *testing.T) {
		_, j, d := joining(t, 3)
		if j.m.joiner.donor.ID != "n3" {
			t.Fatalf("the donor is %v", j.m.joiner.donor)
		}
		j.do(func(m *Member) { m.Directed(without(&d, 1)) })
		if !j.m.joiner.ready || j.stream == nil {
			t.Fatal("a donor that stays is given up")
		}
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready || j.stream != nil {
			t.Fatal("the donor is not given up")
		}
	})
	t.Run("the transfer is over", func(t *testing.T) {
		_, j, d := joining(t, 3)
		j.do(func(m *Member) { m.TransferEnded(m.joiner.transfer, errConnection) })
		if !j.m.joiner.ready {
			t.Fatal("what is loaded is forgotten with the connection")
		}
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready {
			t.Fatal("the joiner is ready without a donor")
		}
	})
	t.Run("another is under way", func(t *testing.T) {
		g, j, d := joining(t, 3)
		j.noDonor = true
		j.do(func(m *Member) { m.TransferEnded(m.joiner.transfer, errConnection) })
		g.advance(leastJoinPause)
		if other := j.m.joiner.transfer; other == nil || other.donor.ID != "n2" {
			t.Fatalf("no other transfer is under way: %+v", other)
		}
		j.took()
		j.do(func(m *Member) { m.Directed(without(&d, 3)) })
		if j.m.joiner.ready || j.stream == nil {
			t.Fatalf("the joiner is ready: %v, it was asked for: %q", j.m.joiner.ready, j.took())
		}
	})
}

// observer returns a joiner that knows the members of a view and has asked nobody yet.
func observer(t *testing.T, members ...uint64) (*group, *node) {
	t.Helper()
	g := newGroup(t, 0)
	n := g.add(named(9), &options{})
	n.noDonor = true
	view := membership.View{ID: 3, Prev: 2}
	for _, incarnation := range members {
		view.Members = append(view.Members, named(incarnation))
	}
	n.m.directive.committed = view
	return g, n
}

// Donors are tried in turn, the junior members first.
func TestPickDonor(t *testing.T) {
	_, n := observer(t, 1, 2, 3)
	for try, want := range []string{"n3", "n2", "n1", "n3", "n2"} {
		donor, ok := n.m.pickDonor(try)
		if !ok || donor.ID != want || donor.Addr != want+":1" || donor.Incarnation != named(donor.Incarnation).Incarnation {
			t.Errorf("try %d: %+v, %v", try, donor, ok)
		}
	}
	// Those of an attempt only.
	n.m.directive.latest.Attempt = &membership.Attempt{View: membership.View{Members: []membership.Member{named(2), named(1), named(9)}}}
	for try, want := range []string{"n2", "n1", "n2"} {
		if donor, ok := n.m.pickDonor(try); !ok || donor.ID != want {
			t.Errorf("try %d: %+v, %v", try, donor, ok)
		}
	}
	if len(n.m.directive.committed.Members) != 3 {
		t.Error("the view is changed")
	}
	n.m.directive.latest.Attempt.View.Members = []membership.Member{named(9)}
	if donor, ok := n.m.pickDonor(0); ok || donor != (link.Peer{}) {
		t.Errorf("of none: %+v", donor)
	}
	_, n = observer(t)
	if _, ok := n.m.pickDonor(0); ok {
		t.Error("there is nobody")
	}
	n = newGroup(t, 2).node("n1")
	if _, ok := n.m.pickDonor(0); ok {
		t.Error("a member needs no donor")
	}
}

// The pauses between tries double from 20 ms to a second, and begin again once a state
// was loaded.
func TestJoinPauses(t *testing.T) {
	g, n := observer(t, 1, 2)
	fail := func() (pause time.Duration) {
		t.Helper()
		n.m.join()
		tr := n.m.joiner.transfer
		if tr == nil {
			t.Fatal("nobody is asked")
		}
		n.m.TransferEnded(tr, errConnection)
		if n.m.joiner.transfer != nil {
			t.Fatal("the transfer goes on")
		}
		pause = n.due[TimerJoin] - g.now
		n.due[TimerJoin] = 0
		return pause
	}
	for i, want := range []time.Duration{20, 40, 80, 160, 320, 640, 1000, 1000} {
		if got := fail(); got != want*time.Millisecond {
			t.Errorf("pause %d: %v", i, got)
		}
		if want := []string{"n2", "n1"}[i%2]; n.took()[0] != "observe "+want {
			t.Errorf("try %d does not ask %s", i, want)
		}
	}
	n.m.joiner.donor = named1().MemberID
	fail() // n2
	if got := fail(); got != 20*time.Millisecond {
		t.Errorf("after the state of n1 was loaded: %v", got)
	}
	if got := fail(); got != 40*time.Millisecond {
		t.Errorf("then: %v", got)
	}
	if got := eventsOf[TransferOver](n); len(got) != 11 || got[0] != (TransferOver{Donor: got[0].Donor, Err: errConnection, Needed: true}) || got[0].Donor.ID != "n2" {
		t.Errorf("%+v", got)
	}
}

func named1() link.Peer {
	return link.Peer{MemberID: isis.MemberID{ID: "n1", Incarnation: 1}, Addr: "n1:1"}
}

// Without a donor the next try comes later, too, and counts.
func TestJoinWithoutDonor(t *testing.T) {
	g, n := observer(t)
	for i, want := range []time.Duration{20, 40} {
		n.m.join()
		if got := n.due[TimerJoin] - g.now; got != want*time.Millisecond || n.m.joiner.transfer != nil || n.m.joiner.try != i+1 {
			t.Errorf("try %d: %v", n.m.joiner.try, got)
		}
	}
}

// One transfer is under way at a time, and a member needs none.
func TestJoinOnce(t *testing.T) {
	_, n := observer(t, 1)
	n.m.join()
	first := n.m.joiner.transfer
	n.took()
	n.m.join()
	if n.m.joiner.transfer != first || len(n.took()) > 0 || n.m.joiner.try != 1 {
		t.Error("another is begun")
	}
	_, n = observer(t, 1)
	n.m.reader.inView.Store(true)
	n.m.join()
	if n.m.joiner.transfer != nil || len(n.took()) > 0 {
		t.Error("a member begins one")
	}
}

// The timer tries again.
func TestJoinTimer(t *testing.T) {
	_, n := observer(t, 1)
	n.do(func(m *Member) { m.Fire(TimerJoin) })
	if n.m.joiner.transfer == nil {
		t.Error("nobody is asked")
	}
}

// The end of a transfer that is not the present one means nothing, nor does one of a
// member, or after the end.
func TestTransferEndedLate(t *testing.T) {
	_, n := observer(t, 1)
	n.m.join()
	tr := n.m.joiner.transfer
	n.took()
	n.m.TransferEnded(&Transfer{}, errConnection)
	if n.m.joiner.transfer != tr || len(n.took()) > 0 {
		t.Error("another's end counts")
	}
	n.m.reader.inView.Store(true)
	n.m.TransferEnded(tr, store.ErrLimits)
	if n.m.joiner.transfer != nil || len(n.took()) > 0 || n.m.failed != nil {
		t.Error("a member minds")
	}
	n.m.reader.inView.Store(false)
	n.m.joiner.transfer, n.m.failed = tr, errConnection
	n.m.TransferEnded(tr, ErrAdvertised)
	if n.m.joiner.transfer != nil || len(n.took()) > 0 || n.m.joiner.refusals != 0 {
		t.Error("one that has ended minds")
	}
}

// A joiner that no donor reaches gives up after two in a row. One with other limits than
// its donor's gives up at once.
func TestJoinerGivesUp(t *testing.T) {
	_, n := observer(t, 1, 2)
	end := func(err error) {
		n.m.join()
		n.m.TransferEnded(n.m.joiner.transfer, err)
	}
	advertised := fmt.Errorf("%w: x", ErrAdvertised)
	end(advertised)
	end(errConnection)
	end(advertised)
	if n.m.failed != nil || n.m.joiner.refusals != 1 {
		t.Fatalf("%v after %d refusals", n.m.failed, n.m.joiner.refusals)
	}
	n.took()
	end(advertised)
	if n.m.failed != advertised { //nolint:errorlint // the same
		t.Fatalf("%v", n.m.failed)
	}
	if did := n.took(); len(did) != 2 || did[1] != "member.TransferOver" {
		t.Errorf("it asks for %q", did)
	}
	_, n = observer(t, 1, 2)
	end(fmt.Errorf("other: %w", store.ErrLimits))
	if !errors.Is(n.m.failed, ErrCannotLoad) || !errors.Is(n.m.failed, store.ErrLimits) || len(eventsOf[TransferOver](n)) > 0 {
		t.Fatalf("%v", n.m.failed)
	}
}

// A transfer is taken from while it is the present one, and the member goes on.
func TestTakeOver(t *testing.T) {
	_, tr := loading(t, options{})
	tr.load(t)
	if err := tr.n.m.Take(&Transfer{}); err != errTransferOver { //nolint:errorlint // the same
		t.Errorf("another: %v", err)
	}
	tr.n.m.failed = errConnection
	if err := tr.n.m.Take(tr.Transfer); err != errTransferOver { //nolint:errorlint // the same
		t.Errorf("after the end: %v", err)
	}
	tr.n.m.failed = nil
	if tr.state == nil {
		t.Error("the state is taken")
	}
}

// The state that came is the member's, from its position on.
func TestStartFollowing(t *testing.T) {
	_, tr := loading(t, options{})
	n := tr.n
	n.m.joiner.ready = true
	tr.load(t)
	state := tr.state
	if err := tr.taken(); err != nil {
		t.Fatal(err)
	}
	if n.m.reader.State() != state || n.position() != 1 || n.m.core.Position() != 1 || n.m.joiner.ready || n.m.joiner.donor.ID != "n1" || !tr.followed {
		t.Errorf("at %d, donor %v", n.position(), n.m.joiner.donor)
	}
	if got := eventsOf[Loaded](n); len(got) != 1 || got[0].Position != 1 || got[0].Donor.ID != "n1" {
		t.Errorf("%+v", got)
	}
}

// A joiner that has acknowledged a cut, or is in a view, holds all that it needs: a
// state is too late.
func TestStateTooLate(t *testing.T) {
	g, j, d := joining(t, 2)
	g.hold("n1", "n3")
	j.m.joiner.transfer = j.m.newTransfer(link.Peer{MemberID: named1().MemberID})
	tr := &transfer{Transfer: j.m.joiner.transfer, n: j}
	tr.frames = wire.NewFrameReader(&tr.pipe, MaxFrameBytes)
	tr.load(t)
	j.do(func(m *Member) { m.Directed(without(&d, 1)) })
	attempt := j.m.core.Attempt()
	j.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindCut, View: attempt, Cut: &isis.Cut{Base: j.position(), Members: j.m.core.View().Members}})
	j.turn()
	if !j.m.core.CutAcknowledged() {
		t.Fatal("the cut is not acknowledged")
	}
	if j.m.needsState() {
		t.Error("it needs a state")
	}
	before := j.m.reader.State()
	if err := j.m.Take(tr.Transfer); err != errTooLate { //nolint:errorlint // the same
		t.Errorf("%v", err)
	}
	if j.m.reader.State() != before || tr.followed {
		t.Error("the state is taken")
	}
	j.m.TransferEnded(tr.Transfer, errTooLate)
	if got := eventsOf[TransferOver](j); len(got) == 0 || got[len(got)-1].Needed {
		t.Errorf("%+v", got)
	}
}

// A backlog is applied by the megabyte, and let go of.
func TestCatchUp(t *testing.T) {
	_, tr := loading(t, options{lag: 10 << 20})
	cmd := func(size int) []byte {
		return (&wire.Command{Op: wire.OpOpenSession, Value: make([]byte, size)}).Append(nil)
	}
	sizes := []int{400 << 10, 400 << 10, 400 << 10, 10, 2 << 20, 10}
	var between [][]byte
	for i, size := range sizes {
		between = append(between, delivery(uint64(i)+2, cmd(size)))
	}
	tr.load(t, between...)
	if err := tr.taken(); err != nil || tr.n.position() != 1 {
		t.Fatalf("at %d, %v", tr.n.position(), err)
	}
	backlog := tr.backlog
	for i, want := range []uint64{4, 6, 7} {
		if !tr.Work() {
			t.Fatal("nothing is left")
		}
		if err := tr.taken(); err != nil || tr.n.position() != want {
			t.Fatalf("turn %d: at %d, %v, want %d", i, tr.n.position(), err, want)
		}
		if backlog[want-2].Payload != nil || i < 2 && backlog[want-1].Payload == nil {
			t.Errorf("turn %d: what was applied is kept, or what was not is gone", i)
		}
	}
	if tr.Work() || tr.n.m.joiner.ready {
		t.Errorf("work: %v, ready: %v", tr.Work(), tr.n.m.joiner.ready)
	}
}

// A megabyte exactly is a turn's.
func TestCatchUpExactly(t *testing.T) {
	_, tr := loading(t, options{lag: 10 << 20})
	tr.load(t)
	if err := tr.taken(); err != nil {
		t.Fatal(err)
	}
	for first, size := range []int{catchUpBytes, 1, catchUpBytes - 2, 1, 1} {
		payload := make([]byte, size)
		copy(payload, session().Append(nil))
		tr.backlog = append(tr.backlog, observedDelivery{View: 1, First: uint64(first) + 2, Count: 1, Payload: payload})
	}
	for _, left := range []int{4, 1, 0} {
		if err := tr.taken(); err != nil || len(tr.backlog) != left {
			t.Errorf("%d are left, %v, want %d", len(tr.backlog), err, left)
		}
	}
}

// A delivery that leaves a gap ends the transfer, and one of a view that the joiner is
// in shows that it is over. What came before is applied.
func TestObserved(t *testing.T) {
	_, tr := loading(t, options{})
	tr.load(t)
	if err := tr.taken(); err != nil {
		t.Fatal(err)
	}
	if err := tr.read(delivery(2, session().Append(nil)), delivery(4, session().Append(nil)), head(1)); err != nil {
		t.Fatal(err)
	}
	if err := tr.taken(); !errors.Is(err, isis.ErrProtocol) || tr.n.position() != 2 || tr.n.m.joiner.ready {
		t.Errorf("%v, at %d", err, tr.n.position())
	}
	n := newGroup(t, 1).node("n1")
	if err := n.m.observed([]observedDelivery{{View: 1, First: 1, Count: 1, Payload: session().Append(nil)}}); err != ErrMemberNow { //nolint:errorlint // the same
		t.Errorf("a member: %v", err)
	}
	if n.position() != 0 {
		t.Error("it is applied")
	}
}

// A joiner that has acknowledged a cut holds all that it needs, whoever its donor was.
func TestDonorAfterTheCut(t *testing.T) {
	g, j, d := joining(t, 2)
	g.hold("n1", "n3")
	j.do(func(m *Member) { m.Directed(without(&d, 1)) })
	j.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindCut, View: j.m.core.Attempt(), Cut: &isis.Cut{Base: j.position()}})
	j.turn()
	if !j.m.core.CutAcknowledged() || j.m.joiner.donor.ID != "n2" {
		t.Fatalf("the cut is not acknowledged, or the donor is %v", j.m.joiner.donor)
	}
	j.m.directive.latest = *without(&d, 2)
	j.took()
	j.m.checkDonor()
	if did := j.took(); len(did) > 0 || !j.m.joiner.ready {
		t.Errorf("it is asked for %q, ready: %v", did, j.m.joiner.ready)
	}
}

// With agreed delivery a joiner follows one of the survivors, or acknowledges no cut:
// another member may have delivered in an order that is lost with it.
func TestNoCutAfterADonorThatGoes(t *testing.T) {
	for _, goes := range []bool{false, true} {
		g := newGroupWith(t, 2, options{settings: membership.Settings{Delivery: membership.Agreed}})
		g.open()
		j := g.join(options{settings: membership.Settings{Delivery: membership.Agreed}, cut: []uint64{1}})
		g.advance(100 * time.Millisecond)
		if !j.m.joiner.ready || j.m.joiner.donor.ID != "n2" {
			t.Fatalf("ready %v, donor %v", j.m.joiner.ready, j.m.joiner.donor)
		}
		d, err := g.registry.Directive(j.m.From(), 0)
		if err != nil {
			t.Fatal(err)
		}
		leader, out := g.node("n2").self, uint64(1)
		if goes {
			leader, out = g.node("n1").self, 2
		}
		attempt := without(&d, out)
		j.do(func(m *Member) { m.Directed(attempt) })
		j.in.Message(leader, &isis.Message{Kind: isis.KindCut, View: attempt.Attempt.View.ID, Cut: &isis.Cut{Base: j.position()}})
		j.turn()
		if j.m.core.CutAcknowledged() == goes {
			t.Errorf("the donor goes: %v, the cut is acknowledged: %v", goes, !goes)
		}
	}
}

// A donor that delivers in the view whose cut is acknowledged here shows that the view is
// committed: that delivery is not applied as one of the view before.
func TestDeliveryOfTheNextView(t *testing.T) {
	g, j, d := joining(t, 2)
	g.hold("n1", "n3")
	j.do(func(m *Member) { m.Directed(without(&d, 1)) })
	attempt := j.m.core.Attempt()
	j.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindCut, View: attempt, Cut: &isis.Cut{Base: j.position()}})
	j.turn()
	before := j.position()
	err := j.m.observed([]observedDelivery{{View: attempt, First: before + 1, Count: 1, Payload: session().Append(nil)}})
	if err != ErrMemberNow || j.position() != before { //nolint:errorlint // the same
		t.Errorf("%v, at %d after %d", err, j.position(), before)
	}
}

// A state comes under the same limits only.
func TestLimitsOfAJoiner(t *testing.T) {
	limits := store.Limits{MaxKeyBytes: 100, MaxValueBytes: 1000, SessionTTL: time.Minute}
	g := newGroupWith(t, 1, options{limits: limits})
	g.open()
	same, other := g.join(options{limits: limits}), g.join(options{})
	g.advance(3 * time.Second)
	if !same.m.Reader().Serves() {
		t.Errorf("the same limits: %v", same.err)
	}
	if !errors.Is(other.err, ErrCannotLoad) || !errors.Is(other.err, store.ErrLimits) {
		t.Errorf("others: %v", other.err)
	}
}

// A group of which one member is cut off, and comes back as another incarnation, agrees.
func TestJoinsWhileOthersFail(t *testing.T) {
	g := newGroup(t, 3)
	g.open()
	writes := 0
	write := func(id string) {
		for i := range 20 {
			writes++
			g.node(id).write(g.set(fmt.Sprint(writes%7), fmt.Sprint(i)), &client{})
			g.advance(20 * time.Millisecond)
		}
	}
	write("n1")
	j := g.join(options{chunk: 50})
	for range 5 {
		g.advance(time.Millisecond)
		g.node("n1").write(g.set("k", "v"), &client{})
	}
	g.crash("n3") // it is the donor
	write("n1")
	g.advance(5 * time.Second)
	write("n1")
	g.advance(3 * time.Second)
	if !j.m.Reader().Serves() {
		t.Fatalf("the joiner does not serve: %v, %+v", j.err, eventsOf[TransferOver](j))
	}
	first := g.node("n1")
	for _, n := range g.nodes {
		if n.alive && (n.position() != first.position() || n.m.Reader().State().Digest() != first.m.Reader().State().Digest()) {
			t.Errorf("%s is at %d, n1 at %d", n.named.ID, n.position(), first.position())
		}
	}
}
