package member

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leaving returns a group of n members, of which n1 asks nobody but the test.
func leaving(t *testing.T, n int) (*group, *node) {
	t.Helper()
	g := newGroup(t, n)
	n1 := g.node("n1")
	n1.keepAsks = true
	return g, n1
}

// asked returns the questions since the last call.
func (n *node) asked() []ask {
	asks := n.asks
	n.asks = nil
	return asks
}

func (n *node) expectAsks(what string, want ...ask) {
	n.g.t.Helper()
	got := n.asked()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		n.g.t.Fatalf("%s: the registry is asked %+v, want %+v", what, got, want)
	}
}

// wishes is the question of a member that is to leave: as of any generation.
func (n *node) wishes(force bool) ask {
	from := n.m.From()
	from.Generation = 0
	return ask{from, force, "left"}
}

func (n *node) answerLeave(err error) { n.do(func(m *Member) { m.LeaveAnswered(err) }) }

// A member that is to leave takes no writes, finishes those that it has, and asks then.
func TestLeaveFinishesFirst(t *testing.T) {
	g, n := leaving(t, 2)
	g.hold("n2", "n1")
	var c client
	n.write(session(), &c)
	n.do(func(m *Member) { m.Leave(false) })
	if got := eventsOf[Leaves](n); len(got) != 1 {
		t.Fatalf("its clients are told %d times before it is done", len(got))
	}
	n.write(session(), &c)
	if got := c.statuses(); len(got) != 1 || got[0] != wire.StatusUnavailable {
		t.Fatalf("a write at a member that leaves: %v", got)
	}
	g.settle()
	n.expectAsks("before it is done")
	g.release()
	g.advance(5 * time.Millisecond) // acknowledgements go alone
	n.expectAsks("afterwards", n.wishes(false))
	if got := c.statuses(); len(got) != 1 || got[0] != wire.StatusOK {
		t.Fatalf("the write: %v", got)
	}
	// It need not be idle again, since what is under way now is the node's own.
	n.answerLeave(nil)
	g.hold("n2", "n1")
	n.do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	g.advance(leaveAgain)
	n.expectAsks("again", n.wishes(false))
	// But for the next wish.
	n.do(func(m *Member) { m.Stay() })
	n.do(func(m *Member) { m.Leave(false) })
	n.answerLeave(nil)
	n.expectAsks("under way")
}

// The end comes with the directive that the member is in no view.
func TestLeft(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	n.do(func(m *Member) { m.Leave(false) })
	if !n.m.Reader().Leaving() {
		t.Fatal("it does not say that it leaves")
	}
	g.advance(time.Second)
	if !errors.Is(n.err, ErrLeft) || len(eventsOf[Excluded](n)) > 0 {
		t.Fatalf("it ends with %v", n.err)
	}
}

// A refusal that stands ends the wish, and so does one of the last member. Others do not.
func TestLeaveRefused(t *testing.T) {
	for _, err := range []error{membership.ErrLastMember, membership.ErrMinMembers, membership.ErrOtherGroup, membership.ErrInvalid} {
		err = fmt.Errorf("the registry: %w", err)
		g, n := leaving(t, 2)
		n.do(func(m *Member) { m.Leave(false) })
		n.answerLeave(err)
		if got := eventsOf[LeaveRefused](n); len(got) != 1 || !errors.Is(got[0].Err, err) || n.m.Reader().Leaving() {
			t.Errorf("%v: %+v, leaving: %v", err, got, n.m.Reader().Leaving())
		}
		n.asked()
		g.advance(time.Second)
		n.expectAsks("after the refusal")
	}
	for _, err := range []error{nil, membership.ErrUnknownNode, membership.ErrOtherGeneration, membership.ErrIDInUse, errConnection} {
		g, n := leaving(t, 2)
		n.do(func(m *Member) { m.Leave(true) })
		n.expectAsks("at first", n.wishes(true))
		n.answerLeave(err)
		if got := eventsOf[LeaveRefused](n); len(got) > 0 || !n.m.Reader().Leaving() {
			t.Errorf("%v: %+v", err, got)
		}
		g.advance(leaveAgain)
		n.expectAsks("again", n.wishes(true))
	}
}

func TestStands(t *testing.T) {
	for _, err := range []error{membership.ErrMinMembers, membership.ErrOtherGroup, membership.ErrInvalid} {
		if !Stands(fmt.Errorf("so: %w", err)) {
			t.Errorf("%v does not stand", err)
		}
	}
	for _, err := range []error{nil, membership.ErrLastMember, membership.ErrOtherGeneration, errConnection} {
		if Stands(err) {
			t.Errorf("%v stands", err)
		}
	}
}

// One question is under way at a time, and the registry is given time after each.
func TestLeaveAsksInTurn(t *testing.T) {
	g, n := leaving(t, 2)
	n.do(func(m *Member) { m.Leave(false) })
	n.expectAsks("at first", n.wishes(false))
	g.advance(5 * time.Second)
	n.expectAsks("without an answer")
	n.answerLeave(nil)
	n.expectAsks("at once")
	g.advance(leaveAgain - 1)
	n.expectAsks("too soon")
	g.advance(1)
	n.expectAsks("again", n.wishes(false))
}

// What was asked before the wish changed is answered for nobody: the registry is asked
// again, at once.
func TestLeaveAnsweredLate(t *testing.T) {
	t.Run("by force", func(t *testing.T) {
		_, n := leaving(t, 1)
		n.do(func(m *Member) { m.Leave(false) })
		n.expectAsks("at first", n.wishes(false))
		n.do(func(m *Member) { m.Stay() })
		n.do(func(m *Member) { m.Leave(true) })
		n.expectAsks("while the other question is under way")
		n.answerLeave(membership.ErrLastMember)
		n.expectAsks("then", n.wishes(true))
		if got := eventsOf[LeaveRefused](n); len(got) > 0 {
			t.Fatalf("%+v", got)
		}
		n.answerLeave(membership.ErrOtherGroup)
		if got := eventsOf[LeaveRefused](n); len(got) != 1 {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("stays", func(t *testing.T) {
		g, n := leaving(t, 1)
		n.do(func(m *Member) { m.Leave(false) })
		n.asked()
		n.do(func(m *Member) { m.Stay() })
		n.answerLeave(membership.ErrLastMember)
		g.advance(time.Second)
		n.expectAsks("of one that stays")
		if got := eventsOf[LeaveRefused](n); len(got) > 0 || n.m.Reader().Leaving() {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("stays, and is damaged", func(t *testing.T) {
		_, n := leaving(t, 1)
		n.do(func(m *Member) { m.Leave(true) }) // damage is no force
		n.asked()
		n.do(func(m *Member) { m.Stay() })
		n.do(func(m *Member) { m.Damaged(errFlipped) })
		n.expectAsks("while the other question is under way")
		n.answerLeave(errConnection)
		n.expectAsks("then", n.reloads())
	})
	t.Run("damaged", func(t *testing.T) {
		g, n := leaving(t, 1)
		n.do(func(m *Member) { m.Damaged(errFlipped) })
		n.expectAsks("damaged", n.reloads())
		n.do(func(m *Member) { m.Leave(true) })
		n.answerLeave(membership.ErrLastMember)
		n.expectAsks("then", n.wishes(true))
		if got := eventsOf[LeaveRefused](n); len(got) > 0 || n.m.Reader().Damage().Alone {
			t.Fatalf("%+v, %+v", got, n.m.Reader().Damage())
		}
		g.advance(time.Second)
	})
	t.Run("alone", func(t *testing.T) {
		_, n := leaving(t, 1)
		n.do(func(m *Member) { m.Damaged(errFlipped) })
		n.asked()
		n.answerLeave(membership.ErrLastMember)
		n.do(func(m *Member) { m.Leave(true) })
		n.expectAsks("at once", n.wishes(true))
	})
}

var errFlipped = errors.New("test: a bit is flipped")

// reloads is the question of a damaged member.
func (n *node) reloads() ask { return ask{n.m.From(), false, errFlipped.Error()} }

// A member that leaves and is damaged leaves.
func TestLeaveDamaged(t *testing.T) {
	g, n := leaving(t, 2)
	n.do(func(m *Member) { m.Leave(false) })
	n.asked()
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	n.answerLeave(nil)
	g.advance(leaveAgain)
	n.expectAsks("again", n.wishes(false))
	n.do(func(m *Member) { m.excluded("left") })
	if !errors.Is(n.err, ErrLeft) {
		t.Fatalf("it ends with %v", n.err)
	}
}

// A member that has ended asks nobody.
func TestEndedAsksNobody(t *testing.T) {
	_, n := leaving(t, 1)
	n.do(func(m *Member) { m.Leave(false); m.Fail(errConnection) })
	n.expectAsks("it has ended")
}
