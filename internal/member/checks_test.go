package member

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// The checks of this file are made twice: as they are, and to see the mistakes that are
// planted for them.

func TestStrongReadIsWoken(t *testing.T)      { checkStrongReadIsWoken(t) }
func TestWaiters(t *testing.T)                { checkWaiters(t) }
func TestBarrierIsNotSharedLate(t *testing.T) { checkBarrierIsNotSharedLate(t) }
func TestWokenReadNeedsALease(t *testing.T)   { checkWokenReadNeedsALease(t) }
func TestJoinerIsReady(t *testing.T)          { checkJoinerIsReady(t) }
func TestJoinerHasAll(t *testing.T)           { checkJoinerHasAll(t) }
func TestLeaseCountsFromTheBeat(t *testing.T) { checkLeaseCountsFromTheBeat(t) }
func TestStallCountsOneInterval(t *testing.T) { checkStallCountsOneInterval(t) }
func TestRefusedIsReleased(t *testing.T)      { checkRefusedIsReleased(t) }
func TestLeavesSafely(t *testing.T)           { checkLeavesSafely(t) }
func TestAnswersAfterDelivery(t *testing.T)   { checkAnswersAfterDelivery(t) }
func TestObeysItsGroupAlone(t *testing.T)     { checkObeysItsGroupAlone(t) }
func TestLeaveGoesOn(t *testing.T)            { checkLeaveGoesOn(t) }

// checkStrongReadIsWoken: a strong read is answered once its barrier is here.
func checkStrongReadIsWoken(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	n.do(func(m *Member) {
		m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 5}, Nothing: true, Deadline: g.now + time.Minute})
	})
	if len(c.got) > 0 {
		t.Fatalf("answered before its barrier: %+v", c.got)
	}
	g.settle()
	if got := c.take(); len(got) != 1 || got[0].tag != 5 || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != 1 {
		t.Fatalf("answers: %+v", got)
	}
}

// checkWaiters compares the FIFO of those who wait with a slice.
func checkWaiters(t testing.TB) {
	type model struct {
		tag   uint64 // 0: has had its answer
		since time.Duration
		size  int
	}
	rapid.Check(t, func(t *rapid.T) {
		var w waiters
		var fifo []model
		var tags uint64
		oldest := func() int { // of those without an answer
			for i := range fifo {
				if fifo[i].tag != 0 {
					return i
				}
			}
			return -1
		}
		expired := func(ticket Ticket, size int, ok bool, want int) {
			if ok != (want >= 0) {
				t.Fatalf("expired: %v, want number %d", ok, want)
			}
			if !ok {
				if size != 0 || ticket.Tag != 0 {
					t.Fatalf("nobody has tag %d, size %d", ticket.Tag, size)
				}
				return
			}
			if ticket.Tag != fifo[want].tag || size != fifo[want].size {
				t.Fatalf("expired: tag %d, size %d, want number %d", ticket.Tag, size, want)
			}
			fifo[want].tag = 0
		}
		now := time.Duration(1)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 1, 2, 70}).Draw(t, "count") {
					tags++
					size := int(tags) % 5
					w.Push(pendingCommand{Ticket: Ticket{Tag: tags}, size: size, since: now})
					fifo = append(fifo, model{tags, now, size})
				}
				now += time.Duration(rapid.IntRange(0, 2).Draw(t, "pass"))
			},
			"pop": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 1, 2, 60}).Draw(t, "count") {
					p, ok := w.take()
					if ok != (len(fifo) > 0) {
						t.Fatalf("pop: %v, with %d", ok, len(fifo))
					}
					if ok {
						if p.Tag != fifo[0].tag || p.size != fifo[0].size {
							t.Fatalf("pop: %d, want %+v", p.Tag, fifo[0])
						}
						fifo = fifo[1:]
					}
				}
			},
			"expire": func(t *rapid.T) {
				before := now - time.Duration(rapid.IntRange(-1, 4).Draw(t, "ago"))
				want := oldest()
				if want >= 0 && fifo[want].since >= before {
					want = -1
				}
				ticket, size, ok := w.expire(before)
				expired(ticket, size, ok, want)
			},
			"expireNext": func(*rapid.T) {
				want := oldest()
				ticket, size, ok := w.expireNext()
				expired(ticket, size, ok, want)
			},
		})
	})
}

// checkBarrierIsNotSharedLate: a barrier that was sent before a strong read came does
// not do for it.
func checkBarrierIsNotSharedLate(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	strong := func(tag uint64) func(*Member) {
		return func(m *Member) {
			m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Nothing: true, Deadline: g.now + time.Minute})
		}
	}
	g.hold("n2", "n1")
	n.in.Call(strong(1))
	n.in.Call(strong(2)) // before it is sent
	n.turn()
	n.do(strong(3))
	g.settle()
	g.release()
	got := c.take()
	if len(got) != 3 {
		t.Fatalf("answers: %+v", got)
	}
	for i, want := range []uint64{1, 1, 2} {
		if got[i].tag != uint64(i)+1 || got[i].reply.Position != want {
			t.Fatalf("answers: %+v", got)
		}
	}
}

// checkWokenReadNeedsALease: a read whose position comes when the lease has run out is
// refused, unless it is content with what may be stale.
func checkWokenReadNeedsALease(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var c client
	n.do(func(m *Member) {
		m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: 1}, Position: 1, Nothing: true, Deadline: g.now + time.Hour})
		m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: 2}, Position: 1, Nothing: true, Stale: true, Deadline: g.now + time.Hour})
	})
	g.now += 3 * time.Second // nobody has looked yet
	g.node("n2").do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	g.settle()
	got := c.take()
	if len(got) != 2 || got[0].reply.Status != wire.StatusUnavailable || got[1].reply.Status != wire.StatusOK {
		t.Fatalf("answers: %+v", got)
	}
}

// checkJoinerIsReady: a joiner is ready once it has come to where its donor is.
func checkJoinerIsReady(t testing.TB) {
	g := newGroup(t, 2)
	g.open()
	n := g.join(options{})
	g.advance(3 * time.Second)
	if !n.m.joiner.ready || !n.m.Reader().Serves() {
		t.Fatalf("the joiner is ready: %v, serves: %v", n.m.joiner.ready, n.m.Reader().Serves())
	}
}

// checkJoinerHasAll: what is delivered between the snapshot and the view is in a
// joiner's state.
func checkJoinerHasAll(t testing.TB) {
	g := newGroup(t, 2)
	g.open()
	n := g.join(options{})
	for i := range 300 {
		var c client
		g.node("n1").write(g.set(fmt.Sprint(i), "written"), &c)
		g.advance(time.Millisecond)
	}
	if !n.m.Reader().Serves() {
		t.Fatal("the joiner does not serve")
	}
	first := g.node("n1")
	if first.position() != n.position() || first.m.Reader().State().Digest() != n.m.Reader().State().Digest() {
		t.Fatalf("n1 is at %d, the joiner at %d, and their digests differ", first.position(), n.position())
	}
}

// checkLeaseCountsFromTheBeat: however late the registry's answer comes, the lease by it
// counts from when the heartbeat was made.
func checkLeaseCountsFromTheBeat(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	g.hold("n2", "n1") // vouches for nobody
	g.away = true
	g.advance(time.Second)
	b := n.beats[0]
	asked := b.At.Steady
	n.beats = nil
	g.now += 500 * time.Millisecond
	n.do(func(m *Member) {
		m.Answered(b, &membership.Directive{Group: testGroup, Generation: 1, Settings: membership.DefaultSettings()}, nil)
	})
	if got, want := n.m.Reader().LeaseEnd(), asked+2*time.Second; got != want {
		t.Fatalf("the lease ends %v after the heartbeat, want 2s", got-asked)
	}
}

// checkStallCountsOneInterval: a tick that comes late counts for one interval.
func checkStallCountsOneInterval(t testing.TB) {
	g := newGroup(t, 1)
	n := g.node("n1")
	n.do(func(m *Member) { m.Deliveries(true) })
	g.advance(900 * time.Millisecond)
	g.now += 5 * time.Second
	g.advance(time.Second)
	if len(n.delivers) == 0 {
		t.Fatal("no tick was ordered")
	}
	if len(n.delivers) > 2 {
		t.Fatalf("%d ticks make up for the stall", len(n.delivers))
	}
	for _, d := range n.delivers {
		cmd, _, err := wire.DecodeCommand(d.Payload)
		if err != nil || cmd.Op != wire.OpTick || cmd.Delta != 1000 {
			t.Fatalf("%+v, %v was ordered, want a tick of 1000 ms", cmd, err)
		}
	}
}

// checkRefusedIsReleased: a command that the core takes not is not under way any more.
func checkRefusedIsReleased(t testing.TB) {
	g := newGroupWith(t, 2, options{core: isis.Config{MaxPendingBytes: 1, MaxBatchCommands: 1, Window: 1}})
	n := g.node("n1")
	g.hold("n2", "n1")
	var c client
	size := n.write(session(), &c) // is sent
	n.write(session(), &c)         // waits
	if n.released != 0 || len(c.got) != 0 {
		t.Fatalf("%d bytes are released, answers: %+v", n.released, c.got)
	}
	n.write(session(), &c)
	if n.released != size || len(c.got) != 1 || c.got[0].size != size || c.got[0].reply.Status != wire.StatusUnavailable {
		t.Fatalf("%d bytes are released, answers: %+v", n.released, c.got)
	}
	g.release()
	if n.released != 3*size {
		t.Fatalf("%d bytes are released, want %d", n.released, 3*size)
	}
}

// checkLeavesSafely: who is to leave delivers nothing that not all are known to hold.
func checkLeavesSafely(t testing.TB) {
	g := newGroupWith(t, 3, options{settings: membership.Settings{Delivery: membership.Agreed}})
	n := g.node("n1")
	n.keepAsks = true
	n.do(func(m *Member) { m.Leave(false) })
	g.hold("n3", "n1")
	g.node("n2").do(func(m *Member) { m.orderOwn(session(), Ticket{}) })
	g.settle()
	if g.node("n2").position() != 1 || n.position() != 0 {
		t.Fatalf("n2 has delivered %d, n1, which leaves, %d", g.node("n2").position(), n.position())
	}
	n.do(func(m *Member) { m.Stay() })
	if n.position() != 1 {
		t.Fatalf("n1, which stays, has delivered %d", n.position())
	}
}

// checkAnswersAfterDelivery: a write is answered once it is delivered.
func checkAnswersAfterDelivery(t testing.TB) {
	g := newGroup(t, 2)
	g.hold("n2", "n1")
	var c client
	size := g.node("n1").write(session(), &c)
	g.settle()
	if len(c.got) > 0 {
		t.Fatalf("answered before the delivery: %+v", c.got)
	}
	g.release()
	if got := c.take(); len(got) != 1 || got[0].size != size || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != 1 {
		t.Fatalf("answers: %+v", got)
	}
}

// checkObeysItsGroupAlone: a registry that knows the group not at all does not end a
// member.
func checkObeysItsGroupAlone(t testing.TB) {
	g := newGroup(t, 1)
	n := g.node("n1")
	n.do(func(m *Member) { m.Answered(&Beat{}, nil, membership.ErrOtherGroup) })
	if n.err != nil {
		t.Fatalf("n1 has ended: %v", n.err)
	}
	n.do(func(m *Member) { m.Answered(&Beat{}, nil, membership.ErrOtherGeneration) })
	if !errors.Is(n.err, ErrGeneration) {
		t.Fatalf("n1 ends with %v, want %v", n.err, ErrGeneration)
	}
}

// checkLeaveGoesOn: a registry that is not reached is asked again.
func checkLeaveGoesOn(t testing.TB) {
	g := newGroup(t, 2)
	n := g.node("n1")
	n.keepAsks = true
	n.do(func(m *Member) { m.Leave(false) })
	for i := range 3 {
		if len(n.asks) != 1 {
			t.Fatalf("%d questions, try %d", len(n.asks), i)
		}
		n.asks = nil
		n.do(func(m *Member) { m.LeaveAnswered(errConnection) })
		g.advance(leaveAgain - 1)
		if len(n.asks) != 0 {
			t.Fatal("asked again too soon")
		}
		g.advance(1)
	}
	if got := eventsOf[LeaveRefused](n); len(got) > 0 || !n.m.Reader().Leaving() {
		t.Fatalf("the leave is over: %+v", got)
	}
}
