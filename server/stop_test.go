package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// stopScript is a registry client that hears when its node says that it has stopped.
type stopScript struct {
	registryClient
	stopped func(force bool)
}

func (s stopScript) Stopped(ctx context.Context, from membership.From, force bool) error {
	s.stopped(force)
	return s.registryClient.Stopped(ctx, from, force)
}

// A group does not wait for the silence of a node that has stopped without leaving: here it
// would for an hour. By the time the registry is told the node serves nobody.
func TestGroupGoesOnWithoutStopped(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	told := 0
	g.startAll(2)
	g.start("n3", func(c *Config) {
		c.before = func(client registryClient) registryClient {
			return stopScript{client, func(force bool) {
				told++
				r := g.nodes["n3"].current.Load()
				if force || !r.over() || r.serves() {
					t.Errorf("the registry is told before the node has stopped, or by force: %v", force)
				}
			}}
		}
	})
	g.client("n1").set("k", "v")
	n := g.nodes["n3"]
	if err := n.Stop(); err != nil || told != 1 {
		t.Fatalf("told %d times: %v", told, err)
	}
	g.remove("n3")
	eventually(t, "its group goes on", func() bool { return len(g.nodes["n1"].Status().Members) == 2 })
	g.client("n1").set("k", "w")
}

// Close gives up what clients have submitted and is not done in time. They go on elsewhere.
func TestCloseGivesUp(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.startAll(2)
	g.start("n3", func(c *Config) { c.LeaveTimeout = 100 * time.Millisecond })
	c := g.client("n3")
	c.set("k", "v")
	release := g.hold("n2") // so that nothing is delivered
	statuses := make(chan wire.Status, 1)
	go func() {
		reply, err := c.conn.Write(t.Context(), 0, wire.Command{
			Op: wire.OpAdd, Session: c.session, Seq: c.seq + 1, Floor: c.seq + 1, Key: "n", Delta: 1,
		})
		if err != nil {
			reply.Status = wire.StatusBadRequest
		}
		statuses <- reply.Status
	}()
	r := g.nodes["n3"].current.Load()
	eventually(t, "a write is under way", func() bool {
		underWay := 0
		r.do(func(m *member.Member) { underWay = m.Status().UnderWay })
		return underWay > 0
	})
	if err := g.remove("n3").Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if s := <-statuses; s != wire.StatusInterrupted {
		t.Errorf("the write under way: status %d", s)
	}
	release()
	c.conn = g.connect("n1")
	if reply := c.write(wire.Command{Op: wire.OpAdd, Key: "n", Delta: 1}); reply.Number != 1 {
		t.Errorf("sent again elsewhere it makes the counter %d", reply.Number)
	}
	if s := g.nodes["n1"].Status(); len(s.Members) != 2 {
		t.Errorf("the group has %d members", len(s.Members))
	}
}

// The registry is told for a second, unless its answer stands. One that does not know the
// node has no need to.
func TestTellStopped(t *testing.T) {
	for name, tc := range map[string]struct {
		answers []error // the last one for ever
		least   int     // questions
		more    bool    // perhaps one more
		want    error
	}{
		"taken":             {[]error{nil}, 1, false, nil},
		"taken later":       {[]error{registry.ErrDegraded, nil}, 2, false, nil},
		"of another time":   {[]error{registry.ErrUnknownNode}, 1, false, nil},
		"of another group":  {[]error{registry.ErrOtherGroup}, 1, false, registry.ErrOtherGroup},
		"nobody is there":   {[]error{registry.ErrUnreachable}, int(askTime / askAgain), true, registry.ErrUnreachable},
		"nobody ever there": {nil, 0, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logLines
				asked := 0
				n := runningNode(&scriptedRegistry{stopped: func(_ context.Context, from membership.From, _ bool) error {
					if from.Incarnation != 1 || from.Generation != 0 {
						t.Errorf("it is told of %+v", from)
					}
					asked++
					return tc.answers[min(asked, len(tc.answers))-1]
				}}, &log)
				if tc.answers != nil {
					n.setIncarnation(newLone(t, Config{}).replica)
				}
				if err := n.tellStopped(); !errors.Is(err, tc.want) || asked < tc.least || !tc.more && asked > tc.least || (tc.want == nil) != (err == nil) {
					t.Errorf("after %d questions: %v", asked, err)
				}
			})
		})
	}
}

// A Leave whose node is stopped meanwhile says so: not all was finished.
func TestLeaveOfStopped(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.startAll(2)
	c := g.client("n2")
	release := g.hold("n1") // so that nothing is delivered
	go func() { _, _ = c.conn.Write(t.Context(), 0, wire.Command{Op: wire.OpOpenSession}) }()
	n := g.nodes["n2"]
	r := n.current.Load()
	left := make(chan error, 1)
	eventually(t, "a write is under way", func() bool {
		underWay := 0
		r.do(func(m *member.Member) { underWay = m.Status().UnderWay })
		return underWay > 0
	})
	go func() { left <- n.Leave(t.Context(), true) }()
	eventually(t, "it leaves", r.reader.Leaving)
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	if err := <-left; !errors.Is(err, ErrClosed) {
		t.Errorf("Leave: %v", err)
	}
	g.remove("n2")
	release()
}
