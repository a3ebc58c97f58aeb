//go:build planted

package server

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry"
)

// TestPlantedEarlyReturn has a write answered before its delivery, which cannot
// come as long as another member is held: its own node does not show it.
func TestPlantedEarlyReturn(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	c.set("k", "old")
	release := g.hold("n2")
	planted.With(t, planted.EarlyReturn)
	c.set("k", "new")
	reply, err := c.conn.Get(t.Context(), "k", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Data) == "new" {
		t.Error("the write was delivered before it was acknowledged")
	} else {
		planted.Caught(t, planted.EarlyReturn, fmt.Sprintf("a read after the write at the same node: it answers %q, from position %d", reply.Data, reply.Position))
	}
	release()
}

// TestPlantedJoinerMisses has a joiner lose the writes that are delivered
// between its snapshot and its view.
func TestPlantedJoinerMisses(t *testing.T) {
	planted.With(t, planted.JoinerMisses)
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	l := g.load(4)
	l.goesOn()
	for try := 2; ; try++ {
		id := fmt.Sprintf("n%d", try)
		g.start(id, nil)
		joiner, member := g.dial(id), g.dial("n1")
		position, got, err := joiner.Audit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, err := member.Digest(t.Context(), position)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			planted.Caught(t, planted.JoinerMisses, fmt.Sprintf("the audit at position %d, after %d joins under load", position, try-1))
			break
		}
		g.close(id) // nothing was written at the wrong moment: again
	}
	clear(g.logs) // the joiner's effects differ, too
}

// TestPlantedLeaveGivesUp has a leave end at the first error, though it has time.
func TestPlantedLeaveGivesUp(t *testing.T) {
	planted.With(t, planted.LeaveGivesUp)
	g := newGroup(t, registry.Settings{})
	var s leaveScript
	g.start("n1", nil)
	g.start("n2", s.before)
	s.script(registry.ErrUnreachable)
	err := g.nodes["n2"].Leave(context.WithoutCancel(t.Context()), false)
	if _, asked := s.state(); errors.Is(err, registry.ErrUnreachable) && asked == 1 {
		planted.Caught(t, planted.LeaveGivesUp, fmt.Sprintf("a leave with time for more: after one question it ends with %v", err))
	}
}
