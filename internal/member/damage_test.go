package member

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

var errMore = errors.New("test: another bit is flipped")

// damaged returns the first of a group of n, whose state is damaged, and who asks nobody
// but the test.
func damaged(t *testing.T, n int) (*group, *node) {
	t.Helper()
	g, n1 := leaving(t, n)
	n1.do(func(m *Member) { m.Damaged(errFlipped) })
	return g, n1
}

// A member whose state is damaged refuses its clients, lease or not, and those who wait,
// and asks to be let go. It goes on in the protocol.
func TestDamaged(t *testing.T) {
	g, n := leaving(t, 2)
	g.hold("n2", "n1")
	var c client
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c}, Position: 100, Deadline: n.soon()})
		m.Park(&Read{Ticket: Ticket{Waiter: teller{n}}, Position: 100, Deadline: n.soon()})
	})
	n.write(session(), &c)
	n.took()
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusInterrupted, wire.StatusUnavailable}) {
		t.Errorf("%v", got)
	}
	n.expectDid("it is damaged", "member.DamageFound", "member.Lapsed", "answer 0 status 11", "member.Barred", "ask false "+errFlipped.Error())
	n.expectAsks("it is damaged", n.reloads())
	if got := eventsOf[DamageFound](n); len(got) != 1 || got[0] != (DamageFound{Err: errFlipped}) {
		t.Errorf("%+v", got)
	}
	if got := eventsOf[Lapsed](n); len(got) != 1 || got[0].Expired || got[0].View != 1 || got[0].Phase != isis.Normal {
		t.Errorf("%+v", got)
	}
	r := n.m.Reader()
	if r.Serves() || r.LeaseEnd() != 0 || r.until.wall.Load() != 0 || n.m.leases.held {
		t.Error("it serves")
	}
	if d := r.Damage(); d == nil || !errors.Is(d.Err, errFlipped) || d.Alone {
		t.Errorf("%+v", d)
	}
	g.release()
	g.advance(time.Second)
	if r.Serves() || n.position() != 1 || len(eventsOf[Serves](n)) != 1 {
		t.Error("it serves, or has left the protocol")
	}
}

// More damage is told, and only that.
func TestMoreDamage(t *testing.T) {
	_, n := damaged(t, 2)
	d := n.m.Reader().Damage()
	n.took()
	n.do(func(m *Member) { m.Damaged(errMore) })
	n.expectDid("more", "member.DamageFound")
	if got := eventsOf[DamageFound](n); len(got) != 2 || got[1] != (DamageFound{Err: errMore, Again: true}) || n.m.Reader().Damage() != d {
		t.Errorf("%+v", got)
	}
	n.do(func(m *Member) { m.setAlone(true); m.Damaged(errMore) })
	if got := eventsOf[DamageFound](n); len(got) != 3 || got[2] != (DamageFound{Err: errMore, Again: true, Alone: true}) {
		t.Errorf("%+v", got)
	}
}

// A joiner whose state is damaged as it comes begins anew, as another incarnation. One
// that has acknowledged a cut may be a member already.
func TestDamagedJoiner(t *testing.T) {
	_, j, _ := joining(t, 2)
	j.do(func(m *Member) { m.Damaged(errFlipped) })
	if got := eventsOf[DamageFound](j); !errors.Is(j.err, ErrDamaged) || !errors.Is(j.err, errFlipped) || len(got) != 1 || got[0] != (DamageFound{Err: errFlipped, Loaded: true}) {
		t.Errorf("%v, %+v", j.err, got)
	}
	if len(eventsOf[Barred](j)) > 0 {
		t.Error("it bars nobody")
	}
	g, j, d := joining(t, 2)
	g.hold("n1", "n3")
	j.do(func(m *Member) { m.Directed(without(&d, 1)) })
	j.in.Message(g.node("n2").self, &isis.Message{Kind: isis.KindCut, View: j.m.core.Attempt(), Cut: &isis.Cut{Base: j.position()}})
	j.turn()
	if !j.m.core.CutAcknowledged() {
		t.Fatal("the cut is not acknowledged")
	}
	j.keepAsks = true
	j.do(func(m *Member) { m.Damaged(errFlipped) })
	if j.err != nil || len(eventsOf[Barred](j)) != 1 {
		t.Errorf("%v", j.err)
	}
}

// While the state is damaged, it is not taken for whole until it was verified again.
func TestDamageIsSuspected(t *testing.T) {
	for name, again := range map[string]bool{"damage": false, "more": true} {
		g, n := leaving(t, 1)
		g.open()
		n.write(g.set("k", "v"), &client{})
		pass := func() {
			for range 3 {
				n.do(func(m *Member) { m.orderAudit(Ticket{}) })
			}
		}
		pass()
		s := n.m.Reader().State()
		if s.CleanPasses() == 0 {
			t.Fatal("the state was not verified")
		}
		if again {
			n.m.reader.damage.Store(&Damage{Err: errFlipped})
		}
		n.m.Damaged(errMore)
		if s.CleanPasses() != 0 {
			t.Errorf("%s: %d clean passes count", name, s.CleanPasses())
		}
	}
}

// The registry is asked every 200 ms, and once a second by the only one that has the
// state, which serves it.
func TestDamagedAsks(t *testing.T) {
	g, n := damaged(t, 2)
	n.expectAsks("at first", n.reloads())
	g.advance(time.Second)
	n.expectAsks("under way")
	for _, err := range []error{nil, membership.ErrMinMembers, membership.ErrUnknownNode, errConnection} {
		n.answerLeave(err)
		g.advance(leaveAgain - 1)
		n.expectAsks("too soon")
		g.advance(1)
		n.expectAsks("again", n.reloads())
		if n.m.Reader().Serves() {
			t.Errorf("%v: it serves", err)
		}
	}
	n.answerLeave(fmt.Errorf("so: %w", membership.ErrLastMember))
	if d := n.m.Reader().Damage(); !d.Alone || !errors.Is(d.Err, errFlipped) || !n.m.Reader().Serves() {
		t.Errorf("%+v, it serves: %v", d, n.m.Reader().Serves())
	}
	if got := eventsOf[Serves](n); len(got) != 2 || got[1].First {
		t.Errorf("%+v", got)
	}
	g.advance(aloneAgain - 1)
	n.expectAsks("too soon, alone")
	g.advance(1)
	n.expectAsks("again, alone", n.reloads())
	n.answerLeave(errConnection) // says nothing of others
	if !n.m.Reader().Damage().Alone || !n.m.Reader().Serves() {
		t.Error("it is not alone any more")
	}
	g.advance(leaveAgain)
	n.expectAsks("after no answer", n.reloads())
	for i, err := range []error{nil, membership.ErrMinMembers} {
		n.answerLeave(err)
		if d := n.m.Reader().Damage(); d.Alone || !errors.Is(d.Err, errFlipped) || n.m.Reader().Serves() {
			t.Errorf("%v: %+v", err, d)
		}
		if got := eventsOf[DamageFound](n); len(got) != i+2 || got[i+1] != (DamageFound{Err: errFlipped, NotAlone: true}) {
			t.Errorf("%v: %+v", err, got)
		}
		if got := eventsOf[Barred](n); len(got) != i+2 {
			t.Errorf("%v: %d times barred", err, len(got))
		}
		g.advance(leaveAgain)
		n.asked()
		n.answerLeave(membership.ErrLastMember)
		g.advance(aloneAgain)
		n.asked()
	}
}

// What is known already is not told again.
func TestSetAlone(t *testing.T) {
	_, n := damaged(t, 2)
	d := n.m.Reader().Damage()
	events := len(n.events)
	n.m.setAlone(false)
	if n.m.Reader().Damage() != d || len(n.events) != events {
		t.Error("it is told again")
	}
}

// The only copy is whole again once all of it was verified.
func TestWhole(t *testing.T) {
	g, n := leaving(t, 1)
	g.open()
	n.write(g.set("k", "v"), &client{})
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	audit := func() { n.do(func(m *Member) { m.orderAudit(Ticket{}) }) }
	for range 5 {
		if n.m.Reader().State().CleanPasses() == 0 {
			audit()
		}
	}
	if n.m.Reader().Damage() == nil || n.m.Reader().State().CleanPasses() != 1 {
		t.Fatal("it is whole, and not alone")
	}
	n.answerLeave(membership.ErrLastMember)
	n.do(func(m *Member) { m.verify() })
	if got := eventsOf[Whole](n); n.m.Reader().Damage() != nil || len(got) != 1 || !errors.Is(got[0].Err, errFlipped) {
		t.Fatalf("%+v", got)
	}
	n.asked()
	g.advance(2 * time.Second)
	n.expectAsks("it is whole")
	if !n.m.Reader().Serves() {
		t.Error("it does not serve")
	}
}

// Until then it is not.
func TestNotWholeYet(t *testing.T) {
	g, n := leaving(t, 1)
	g.open()
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	n.answerLeave(membership.ErrLastMember)
	n.m.verify()
	if n.m.Reader().Damage() == nil {
		t.Error("it is whole")
	}
	n.answerLeave(nil)
}

// Damage that is met by a verification or by a command is damage.
func TestDamageIsMet(t *testing.T) {
	for name, meet := range map[string]func(*Member){
		"verified": func(m *Member) { flip(m); m.verify() },
		"noted":    func(m *Member) { m.noted(&store.Notes{Damage: errFlipped}) },
	} {
		g, n := leaving(t, 1)
		g.open()
		n.write(g.set("k", "v"), &client{})
		n.do(meet)
		if n.m.Reader().Damage() == nil || len(eventsOf[Barred](n)) != 1 {
			t.Errorf("%s: no damage", name)
		}
	}
	g, n := leaving(t, 1)
	g.open()
	n.write(g.set("k", "v"), &client{})
	flip(n.m)
	n.m.failed = errConnection
	n.m.verify()
	if n.m.Reader().Damage() != nil {
		t.Error("one that has ended verifies")
	}
}

// Damage counts from its turn on, also for what comes later in it, and so does that a
// member is alone.
func TestDamageCountsAtOnce(t *testing.T) {
	_, n := leaving(t, 1)
	var c client
	n.in.Call(func(m *Member) { m.Damaged(errFlipped) })
	n.write(session(), &c)
	n.in.Call(func(m *Member) { m.LeaveAnswered(membership.ErrLastMember) })
	n.write(session(), &c)
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusOK}) {
		t.Errorf("%v", got)
	}
}

// A look at the lease does not outlive it.
func TestDamageForgetsTheLook(t *testing.T) {
	g := newGroupWith(t, 1, options{counts: true})
	n := g.node("n1")
	n.keepAsks = true
	n.count = 1 << 40
	if !n.m.Reader().Serves() || !n.m.Reader().look.holds(n.count) {
		t.Fatal("no look counts")
	}
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	if n.m.Reader().Serves() {
		t.Error("it serves")
	}
}

// The results of the message that meets damage are nobody's: they are not those of the
// other members.
func TestResultsOfDamage(t *testing.T) {
	g, n := leaving(t, 1)
	g.open()
	n.write(g.set("k", "5"), &client{})
	value, _, _ := n.m.Reader().State().Get("k")
	value[0] ^= 1
	add := g.set("k", "")
	add.Op, add.Value, add.Delta = wire.OpAdd, nil, 1
	var c client
	size := n.write(add, &c)
	if got := c.take(); len(got) != 1 || got[0].reply.Status != wire.StatusInterrupted || got[0].size != size {
		t.Errorf("%+v", got)
	}
	if d := n.m.Reader().Damage(); d == nil || !errors.Is(d.Err, store.ErrDigest) {
		t.Errorf("%+v", d)
	}
}
