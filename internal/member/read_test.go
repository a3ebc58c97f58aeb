package member

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// soon is a deadline that no test comes to.
func (n *node) soon() time.Duration { return n.moment().Steady + time.Minute }

// A read whose position is reached is answered at once, otherwise in the turn that
// reaches it.
func TestPark(t *testing.T) {
	g := newGroup(t, 1)
	g.open()
	n := g.node("n1")
	n.write(g.set("k", "v"), &client{})
	var c client
	park := func(tag, position uint64, key string) *Read {
		p := &Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Position: position, Key: key, Deadline: n.soon()}
		n.do(func(m *Member) { m.Park(p) })
		return p
	}
	park(1, 2, "k")
	park(2, 0, "l")
	park(3, 3, "k")
	got := c.take()
	if len(got) != 2 || got[0].tag != 1 || got[0].size != 0 || string(got[0].reply.Data) != "v" || got[0].reply.Version != 2 || got[0].reply.Position != 2 ||
		got[1].tag != 2 || got[1].reply.Status != wire.StatusNotFound || got[1].reply.Position != 2 || got[1].reply.Data != nil {
		t.Fatalf("%+v", got)
	}
	n.write(g.set("k", "w"), &client{})
	if got = c.take(); len(got) != 1 || got[0].tag != 3 || string(got[0].reply.Data) != "w" || got[0].reply.Position != 3 {
		t.Fatalf("%+v", got)
	}
}

// What a read is to be answered.
func TestRead(t *testing.T) {
	var reached []*Read
	for _, tc := range []struct {
		name   string
		read   Read
		lease  bool
		answer *wire.Reply
	}{
		{"a variable", Read{Key: "k"}, true, &wire.Reply{Position: 2, Version: 2, Data: []byte("v")}},
		{"without a lease", Read{Key: "k"}, false, &wire.Reply{Status: wire.StatusUnavailable}},
		{"stale", Read{Key: "k", Stale: true, Position: 2}, false, &wire.Reply{Position: 2, Version: 2, Data: []byte("v")}},
		{"nothing", Read{Key: "k", Nothing: true, Position: 1}, true, &wire.Reply{Position: 1}},
		{"nothing without a lease", Read{Nothing: true}, false, &wire.Reply{Status: wire.StatusUnavailable}},
		{"a barrier that was refused", Read{status: wire.StatusInterrupted, Nothing: true, Stale: true}, true, &wire.Reply{Status: wire.StatusInterrupted}},
		{"the host's", Read{Reached: func(_ *Member, p *Read) { reached = append(reached, p) }}, true, nil},
		{"the host's without a lease", Read{Reached: func(*Member, *Read) { t.Error("it is called") }}, false, &wire.Reply{Status: wire.StatusUnavailable}},
		{"the host's, stale", Read{Stale: true, Reached: func(_ *Member, p *Read) { reached = append(reached, p) }}, false, nil},
	} {
		g := newGroup(t, 1)
		g.open()
		n := g.node("n1")
		n.write(g.set("k", "v"), &client{})
		if !tc.lease {
			g.now += time.Hour
		}
		var c client
		reached = nil
		tc.read.Ticket = Ticket{Waiter: &c, Tag: 8}
		n.m.Park(&tc.read)
		if tc.answer == nil {
			if len(c.got) > 0 || len(reached) != 1 || reached[0] != &tc.read {
				t.Errorf("%s: answers %+v, reached %v", tc.name, c.got, reached)
			}
			continue
		}
		if len(c.got) != 1 || c.got[0].tag != 8 || c.got[0].size != 0 || fmt.Sprint(c.got[0].reply) != fmt.Sprint(*tc.answer) {
			t.Errorf("%s: %+v", tc.name, c.got)
		}
	}
}

// Reads that would wait are refused without a lease.
func TestParkWithoutALease(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	var c client
	g.now += time.Hour
	n.m.Park(&Read{Ticket: Ticket{Waiter: &c}, Position: 9, Stale: true})
	n.m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c}})
	if got := c.statuses(); !slices.Equal(got, []wire.Status{wire.StatusUnavailable, wire.StatusUnavailable}) || n.m.parked.reads.Len() > 0 || n.m.submitted != 0 {
		t.Fatalf("%v", got)
	}
}

// Strong reads that come before a barrier is sent share it.
func TestBarrierIsShared(t *testing.T) {
	g := newGroupWith(t, 2, options{core: isis.Config{Window: 1}})
	n := g.node("n1")
	var c client
	strong := func(tag uint64) {
		n.do(func(m *Member) {
			m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Nothing: true, Deadline: n.soon()})
		})
	}
	g.hold("n2", "n1")
	n.write(session(), &c) // takes the window: what follows waits
	strong(1)
	strong(2)
	n.write(session(), &client{})
	strong(3)
	if n.m.submitted != 3 || len(n.m.barrier.reads) != 3 {
		t.Fatalf("%d submitted", n.m.submitted)
	}
	g.release()
	g.advance(5 * time.Millisecond)
	var tags, positions []uint64
	for _, a := range c.take() {
		tags, positions = append(tags, a.tag), append(positions, a.reply.Position)
	}
	if !slices.Equal(tags, []uint64{0, 1, 2, 3}) || !slices.Equal(positions, []uint64{1, 2, 2, 2}) || n.m.barrier != nil {
		t.Fatalf("%v at %v", tags, positions)
	}
}

// A barrier that is not the latest lets the latest be.
func TestOlderBarrier(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	older, latest := &barrier{m: n.m}, &barrier{m: n.m}
	n.m.barrier = latest
	older.Answer(0, 0, &wire.Reply{})
	if n.m.barrier != latest {
		t.Error("it is forgotten")
	}
	latest.Answer(0, 0, &wire.Reply{})
	if n.m.barrier != nil {
		t.Error("it is kept")
	}
}

// A strong read reflects the position that its client has seen, too.
func TestStrongReadSeen(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	var c client
	for tag, position := range []uint64{0, 2, 3} { // the barriers are at 1, 2, 3
		n.do(func(m *Member) {
			m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: uint64(tag)}, Position: position, Nothing: true, Deadline: n.soon()})
		})
	}
	n.do(func(m *Member) {
		m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 3}, Position: 6, Nothing: true, Deadline: n.soon()})
	})
	got := c.take()
	if len(got) != 3 || got[0].reply.Position != 1 || got[1].reply.Position != 2 || got[2].reply.Position != 3 {
		t.Fatalf("%+v", got)
	}
	n.write(session(), &client{})
	if len(c.got) > 0 {
		t.Fatalf("too soon: %+v", c.got)
	}
	n.write(session(), &client{})
	if got = c.take(); len(got) != 1 || got[0].reply.Position != 6 {
		t.Fatalf("%+v", got)
	}
}

// A barrier that is refused refuses who waits for it, in the same turn, whatever they
// have seen. The next strong read has a barrier of its own.
func TestRefusedBarrier(t *testing.T) {
	g := newGroupWith(t, 2, options{core: isis.Config{MaxPendingBytes: 1, MaxBatchCommands: 1, Window: 1}})
	n := g.node("n1")
	g.hold("n2", "n1")
	n.write(session(), &client{})
	n.write(session(), &client{})
	var c client
	n.do(func(m *Member) {
		m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 1}, Position: 1000, Deadline: n.soon()})
	})
	if got := c.take(); len(got) != 1 || got[0].tag != 1 || got[0].reply.Status != wire.StatusUnavailable || n.m.parked.reads.Len() > 0 {
		t.Fatalf("%+v", got)
	}
	g.release()
	n.do(func(m *Member) {
		m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: 2}, Nothing: true, Deadline: n.soon()})
	})
	g.advance(5 * time.Millisecond)
	if got := c.take(); len(got) != 1 || got[0].reply.Status != wire.StatusOK || got[0].reply.Position != 3 {
		t.Fatalf("%+v", got)
	}
}

// Whoever waits past its deadline is told so, and nobody else.
func TestReadsExpire(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	var c client
	at := g.now + time.Second
	n.do(func(m *Member) {
		for i := range uint64(3) {
			deadline := at + time.Duration(i) - 1
			m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: i}, Position: 100, Deadline: deadline})
			m.Digest(&Read{Ticket: Ticket{Waiter: &c, Tag: 10 + i}, Position: 100, Deadline: deadline})
		}
		m.expireReads(at)
	})
	var tags []uint64
	for _, a := range c.take() {
		if a.reply.Status != wire.StatusTimeout {
			t.Errorf("%+v", a)
		}
		tags = append(tags, a.tag)
	}
	if !slices.Equal(tags, []uint64{0, 10, 1, 11}) || n.m.parked.reads.Len() != 2 {
		t.Errorf("%v", tags)
	}
}

// The reads of who has gone are dropped without an answer.
func TestForget(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	var gone, stays client
	var goneAccount, staysAccount Account
	n.do(func(m *Member) {
		for range 2 {
			for c, a := range map[*client]*Account{&gone: &goneAccount, &stays: &staysAccount} {
				m.Park(&Read{Ticket: Ticket{Waiter: c}, Account: a, Position: 100, Deadline: n.soon()})
				m.Digest(&Read{Ticket: Ticket{Waiter: c}, Account: a, Position: 100, Deadline: n.soon()})
				m.ReadStrong(&Read{Ticket: Ticket{Waiter: c}, Account: a, Deadline: n.soon()})
			}
		}
		m.Forget(&goneAccount)
		if m.parked.reads.Len() != 6 || len(staysAccount.reads) != 6 || len(m.barrier.reads) != 2 || m.parked.bytes != 6*readBytes {
			t.Errorf("%d, %d, %d", m.parked.reads.Len(), len(staysAccount.reads), len(m.barrier.reads))
		}
		m.refuseReads()
	})
	if len(gone.got) > 0 || len(stays.got) != 6 || stays.got[0].reply.Status != wire.StatusUnavailable {
		t.Errorf("%+v, %+v", gone.got, stays.got)
	}
	if m := n.m; m.parked.reads.Len() > 0 || m.parked.bytes != 0 || len(m.parked.accounts) > 0 || len(m.barrier.reads) > 0 {
		t.Error("those that were refused are kept")
	}
}

func TestGetReply(t *testing.T) {
	if r := GetReply(nil, 0, 5); r.Status != wire.StatusNotFound || r.Position != 5 || r.Version != 0 {
		t.Errorf("%+v", r)
	}
	if r := GetReply([]byte("v"), 3, 5); r.Status != wire.StatusOK || r.Position != 5 || r.Version != 3 || string(r.Data) != "v" {
		t.Errorf("%+v", r)
	}
}

// Reads are woken in the turn that reaches their position and in no other.
func TestParkedReadsAgainstAList(t *testing.T) {
	type waits struct{ tag, position uint64 }
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, 1)
		n := g.node("n1")
		var c client
		var tag uint64
		var list []waits
		settle := func(t *rapid.T) {
			applied := n.position()
			var want []uint64
			list = slices.DeleteFunc(list, func(w waits) bool {
				if w.position > applied {
					return false
				}
				want = append(want, w.tag)
				return true
			})
			var got []uint64
			for _, a := range c.take() {
				if a.reply.Status != wire.StatusOK || a.reply.Position > applied {
					t.Fatalf("at %d: %+v", applied, a)
				}
				got = append(got, a.tag)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("at %d: %v are answered, want %v", applied, got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": settle,
			"park": func(t *rapid.T) {
				tag++
				position := n.position() + rapid.Uint64Range(0, 6).Draw(t, "ahead")
				list = append(list, waits{tag, position})
				n.do(func(m *Member) {
					m.Park(&Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Position: position, Nothing: true, Deadline: n.soon()})
				})
			},
			"strong": func(t *rapid.T) {
				tag++
				position := n.position() + rapid.Uint64Range(0, 6).Draw(t, "ahead")
				list = append(list, waits{tag, max(position, n.position()+1)})
				n.do(func(m *Member) {
					m.ReadStrong(&Read{Ticket: Ticket{Waiter: &c, Tag: tag}, Position: position, Nothing: true, Deadline: n.soon()})
				})
			},
			"write": func(*rapid.T) { n.write(session(), &client{}) },
		})
	})
}
