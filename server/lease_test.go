package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// durableRegistry replaces the registry by one that restart starts again, at the
// same address and with the same state.
func (g *group) durableRegistry(settings registry.Settings) (restart func()) {
	g.t.Helper()
	g.stopRegistry()
	cfg := RegistryConfig{DataDir: g.t.TempDir(), Settings: settings}
	g.startRegistry(cfg)
	cfg.Listen = g.registry.Addr()
	return func() { g.startRegistry(cfg) }
}

func (g *group) stopRegistry() {
	g.t.Helper()
	if err := g.registry.Close(); err != nil {
		g.t.Fatal(err)
	}
}

// leaseEnd is when a node's lease ends, by the steady clock.
func (g *group) leaseEnd(id string) time.Duration {
	return g.nodes[id].current.Load().reader.LeaseEnd()
}

// While the registry is away, members vouch for one another.
func TestLeaseWithoutRegistry(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	restart := g.durableRegistry(fast())
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "v")
	g.stopRegistry()
	stopped := clock.Clock{}.Steady()
	for id := range g.nodes {
		eventually(t, id+" has a lease that the registry cannot have given", func() bool {
			return g.leaseEnd(id) > stopped+2*fast().Detection
		})
	}
	c.set("k", "w")
	if got := c.get(g.connect("n2"), "k"); got != "w" {
		t.Errorf("without a registry: %q", got)
	}
	restart() // nodes leave through it
}

// Without the registry and one member, no lease can be renewed: nobody can know
// that there is no newer view. What waits is told, and once the registry is back
// the group goes on.
func TestLeaseRunsOut(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	restart := g.durableRegistry(fast())
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "v")
	local, remote := g.connect("n2"), g.dial("n2")
	g.stopRegistry()
	g.kill("n3")

	interrupted := make(chan wire.Reply, 1)
	go func() {
		reply, err := c.conn.Write(t.Context(), 0, wire.Command{
			Op: wire.OpSet, Session: c.session, Seq: c.seq + 1, Floor: c.seq + 1, Key: "k", Value: []byte("w"),
		})
		if err != nil {
			reply.Status = wire.StatusBadRequest
		}
		interrupted <- reply
	}()
	if reply := <-interrupted; reply.Status != wire.StatusInterrupted && reply.Status != wire.StatusUnavailable {
		t.Errorf("a write under way when the lease ran out: %+v", reply)
	}
	for name, conn := range map[string]wire.Conn{"local": local, "remote": remote} {
		eventually(t, name+" reads are refused", func() bool {
			reply, err := conn.Get(t.Context(), "k", 0, false)
			if err != nil {
				t.Fatal(err)
			}
			if reply.Status == wire.StatusOK && (clock.Clock{}).Steady() > g.leaseEnd("n2") {
				t.Errorf("%s: a read was answered after the lease had run out", name)
			}
			return reply.Status == wire.StatusUnavailable
		})
		if reply, err := conn.Get(t.Context(), "k", 0, true); err != nil || reply.Status != wire.StatusUnavailable {
			t.Errorf("%s: a strong read without a lease: %+v, %v", name, reply, err)
		}
	}
	if s := g.nodes["n2"].Status(); s.Serves || s.Phase != "normal" {
		t.Errorf("status without a lease: %+v", s)
	}
	lapsed := g.nodes["n2"].current.Load()
	eventually(t, "the lapse is noticed", func() bool {
		select {
		case <-lapsed.lease.when():
			return false
		default:
			return true
		}
	})
	connected := make(chan error, 1)
	go func() {
		_, err := g.nodes["n2"].Connect(t.Context())
		connected <- err
	}()
	lateForTheLapse(t, lapsed)
	if len(connected) > 0 {
		t.Error("Connect does not wait until the node serves")
	}

	restart()
	if err := <-connected; err != nil {
		t.Error(err)
	}
	c.set("k", "w") // the same number: it takes effect once
	if got := c.get(g.connect("n2"), "k"); got != "w" {
		t.Errorf("after the registry is back: %q", got)
	}
	if s := g.nodes["n2"].Status(); !s.Serves || len(s.Members) != 2 {
		t.Errorf("status with a lease: %+v", s)
	}
}

// A node whose loop is stuck stops answering reads when its lease runs out, on
// connections that are served without the loop.
func TestStuckLoopServesNobody(t *testing.T) {
	g := newGroup(t, fast())
	g.startAll(2)
	g.client("n1").set("k", "v")
	local, remote := g.connect("n2"), g.dial("n2")
	release := g.hold("n2")
	for name, conn := range map[string]wire.Conn{"local": local, "remote": remote} {
		eventually(t, name+" reads are refused", func() bool {
			reply, err := conn.Get(t.Context(), "k", 0, false)
			return err == nil && reply.Status == wire.StatusUnavailable
		})
	}
	release()
	eventually(t, "it serves again, as the same incarnation or the next", func() bool { return g.nodes["n2"].Status().Serves })
}

// lateForTheLapse brings a loop without a lease what a connection has taken in
// while there was one. It is refused at once.
func lateForTheLapse(t *testing.T, r *replica) {
	t.Helper()
	answers := make(replies, 4)
	waits := member.Ticket{Waiter: answers}
	r.do(func(m *member.Member) {
		never := r.reader.Clock().Steady() + time.Hour
		m.Park(&member.Read{Position: r.reader.State().Applied() + 1, Key: "k", Deadline: never, Ticket: waits})
		m.ReadStrong(&member.Read{Key: "k", Deadline: never, Ticket: waits})
		m.ReadStrong(&member.Read{Nothing: true, Deadline: never, Ticket: waits})
		m.Digest(&member.Read{Deadline: never, Ticket: waits})
	})
	for range cap(answers) {
		select {
		case reply := <-answers:
			if reply.Status != wire.StatusUnavailable {
				t.Errorf("late for the lapse: %+v", reply)
			}
		default:
			t.Error("what came after the lapse waits")
		}
	}
}

// Writes that wait for admission when the lease runs out are refused, as those
// that were admitted are told.
func TestAdmissionWithoutLease(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	restart := g.durableRegistry(fast())
	for _, id := range []string{"n1", "n2", "n3"} {
		g.start(id, func(c *Config) { c.MaxAdmittedBytes = 1 << 10 })
	}
	conn := g.connect("n2")
	g.stopRegistry()
	g.kill("n3")
	const writes = 6
	statuses := make(chan wire.Status, writes)
	for range writes {
		go func() {
			reply, err := conn.Write(t.Context(), 0, wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: make([]byte, 1<<10)})
			if err != nil {
				reply.Status = wire.StatusBadRequest
			}
			statuses <- reply.Status
		}()
	}
	for range writes {
		if s := <-statuses; !again(s) && s != wire.StatusSessionExpired { // n3's last acknowledgement may have let one through
			t.Errorf("a write without a lease: status %d", s)
		}
	}
	restart()
}

// A clock on the wall that is set forward, as at the end of a machine's sleep, has the
// members asked at once: clients are refused for a round trip, and nobody who waits is
// sent elsewhere.
func TestClockSetForward(t *testing.T) {
	for _, members := range []int{1, 3} {
		t.Run(fmt.Sprintf("of %d", members), func(t *testing.T) {
			g := newGroup(t, registry.Settings{Detection: time.Minute})
			var lines logLines
			var moved movedClock
			g.start("n1", func(c *Config) {
				logging(&lines)(c)
				moved.set(c)
			})
			for id := range members - 1 {
				g.start(fmt.Sprintf("n%d", id+2), nil)
			}
			g.client("n1").set("k", "v")
			r := g.nodes["n1"].current.Load()
			answers := make(replies, 1)
			r.do(func(m *member.Member) {
				m.Park(&member.Read{
					Position: r.reader.State().Applied() + 1000, Key: "k", Deadline: r.reader.Clock().Steady() + time.Hour,
					Ticket: member.Ticket{Waiter: answers},
				})
				moved.wall.Add(int64(2 * time.Hour))
			})
			eventually(t, "a reader finds that the lease may have run out", func() bool {
				r.serves()
				return strings.Contains(strings.Join(lines.lines(), ""), "the wall clock was set forward")
			})
			eventually(t, "it serves again", r.serves)
			for _, line := range lines.lines() {
				if strings.Contains(line, "lease expired") {
					t.Errorf("it logs %s", line)
				}
			}
			select {
			case reply := <-answers:
				t.Errorf("a read that waits was answered %+v", reply)
			default:
			}
			g.client("n1").set("k", "w")
		})
	}
}
