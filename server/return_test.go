package server

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// returned waits until a node is back under a later incarnation.
func (g *group) returned(id string, before *replica) {
	g.t.Helper()
	eventually(g.t, id+" is back", func() bool {
		r := g.nodes[id].current.Load()
		return r.self.Incarnation > before.self.Incarnation && r.reader.InView()
	})
}

// A node whose loop is stuck is silent, and excluded; it comes back by itself.
func TestExcludedReturns(t *testing.T) {
	levels(t, func(t *testing.T, settings registry.Settings) {
		g := newGroup(t, settings)
		g.startAll(3)
		l := g.load(4)
		l.goesOn()
		if settings.Delivery == registry.Agreed {
			g.forget("n2") // what it delivered alone counts for nothing
		}
		before := g.nodes["n2"].current.Load()
		release := g.hold("n2")
		eventually(t, "the others go on without it", func() bool { return len(g.nodes["n1"].Status().Members) == 2 })
		release()
		g.returned("n2", before)
		if settings.Delivery == registry.Safe {
			l.goesOn()
			l.stop()
		}
	})
}

// Links ping several times within the detection time, and not for nothing.
func TestLinkPings(t *testing.T) {
	for detection, want := range map[time.Duration]time.Duration{
		200 * time.Millisecond: 20 * time.Millisecond,
		time.Second:            100 * time.Millisecond,
		2 * time.Second:        200 * time.Millisecond,
		time.Hour:              200 * time.Millisecond,
		0:                      20 * time.Millisecond,
	} {
		if got := linkPings(detection); got != want {
			t.Errorf("detection in %v: a ping each %v, want %v", detection, got, want)
		}
	}
}

// A group of the shortest detection time settles, as each join has it do.
func TestShortestDetection(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: 200 * time.Millisecond})
	g.startAll(3)
	eventually(t, "all are members", func() bool { return len(g.nodes["n1"].Status().Members) == 3 })
}

// While the registry is away nobody comes and goes, but reads and writes go on;
// afterwards all is as before.
func TestRegistryAwayAndBack(t *testing.T) {
	g := newGroup(t, fast())
	if err := g.registry.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := RegistryConfig{DataDir: t.TempDir(), Settings: fast()}
	g.startRegistry(cfg)
	cfg.Listen = g.registry.Addr()
	g.startAll(3)
	l := g.load(4)
	l.goesOn()
	if err := g.registry.Close(); err != nil {
		t.Fatal(err)
	}
	beats := g.nodes["n1"].current.Load()
	start := time.Now()
	eventually(t, "more than the detection time passes", func() bool { return time.Since(start) > 2*beats.detection() })
	l.goesOn()
	if s := g.nodes["n1"].Status(); len(s.Members) != 3 || s.Phase != "normal" {
		t.Errorf("without a registry: %+v", s)
	}
	cfg.Settings.Detection = 700 * time.Millisecond
	g.startRegistry(cfg)
	g.start("n4", nil)
	eventually(t, "a node that runs takes another detection time", func() bool {
		return beats.detection() == 700*time.Millisecond
	})
	l.goesOn()
	g.kill("n1")
	l.goesOn()
	l.stop()
}

// A node that was a member and comes back to a group with other limits stops.
func TestReturnToOtherLimits(t *testing.T) {
	g := newGroup(t, fast())
	g.startAll(2)
	n := g.remove("n2")
	r := n.current.Load()
	r.do(func(m *member.Member) {
		n.cfg.MaxValueBytes *= 2
		m.Fail(member.ErrExcluded)
	})
	<-n.Done()
	if err := n.Err(); !errors.Is(err, ErrConfig) || !errors.Is(err, store.ErrLimits) {
		t.Errorf("the node ended with %v", err)
	}
	if _, err := n.Connect(t.Context()); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrConfig) {
		t.Errorf("Connect: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// A replica whose state differs from the others' is told so by an audit, leaves,
// and comes back with a good one.
func TestAuditFindsWhoDiffers(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "good")
	before := g.nodes["n3"].current.Load()
	c.get(g.connect("n3"), "k") // it has all that its wrong state would do otherwise
	before.do(func(*member.Member) { before.corrupt() })
	if position, digest, err := g.dial("n1").Audit(t.Context()); err != nil || position == 0 || digest == 0 {
		t.Fatal(position, digest, err)
	}
	g.returned("n3", before)
	c3 := g.client("n3")
	c3.seen = c.seen
	if got := c3.get(c3.conn, "k"); got != "good" {
		t.Errorf("it came back with %q", got)
	}
	g.sameDigests()
}

// corrupt gives a replica another state than the order has. Owner only.
func (r *replica) corrupt() {
	if r.reader.State().Diverge(0) == "" {
		panic("there is no variable that could differ")
	}
}

// sameDigests fails unless all nodes have the same state.
func (g *group) sameDigests() {
	g.t.Helper()
	var position, want uint64
	for id := range g.nodes {
		conn := g.dial(id)
		if position == 0 {
			var err error
			if position, want, err = conn.Audit(g.t.Context()); err != nil {
				g.t.Fatal(err)
			}
			continue
		}
		got, err := conn.Digest(g.t.Context(), position)
		if err != nil {
			g.t.Fatal(err)
		}
		if got != want {
			g.t.Errorf("%s: digest %x at %d, another node has %x", id, got, position, want)
		}
	}
}

// An operator's new generation makes every node begin anew, together and empty,
// also one that was about to join the old one.
func TestNewGeneration(t *testing.T) {
	g := newGroup(t, fast())
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "v")
	old := c.conn.Info()
	// A joiner that cannot get in: a member it needs is held.
	release := g.hold("n3")
	joiner := make(chan error, 1)
	go func() {
		_, err := g.tryStart("n4", nil)
		joiner <- err
	}()
	operator := g.operator()
	if _, err := operator.NewGeneration(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-joiner; err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are in the new generation", func() bool {
		for _, n := range g.nodes {
			if s := n.Status(); s.Generation != old.Generation+1 || len(s.Members) != 4 || s.Phase != "normal" {
				return false
			}
		}
		return true
	})
	if reply, err := c.conn.Get(t.Context(), "k", 0, false); err != nil || reply.Status != wire.StatusUnavailable {
		t.Errorf("a connection of the old generation: %+v, %v", reply, err)
	}
	for id := range g.nodes {
		if reply, err := g.connect(id).Get(t.Context(), "k", 0, true); err != nil || reply.Status != wire.StatusNotFound {
			t.Errorf("%s has %+v, %v", id, reply, err)
		}
	}
	g.client("n2").set("k", "w")
	g.sameDigests()
	clear(g.logs) // of two generations
}
