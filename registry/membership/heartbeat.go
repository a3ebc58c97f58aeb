package membership

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// Heartbeat takes what a node tells. A heartbeat of an incarnation that is no
// member and no joiner is no error: the directive that answers it says that
// the node is excluded. One of another group or generation is refused, and so is
// one that names a view that this group has not had yet.
func (g *Group) Heartbeat(now time.Duration, from From, report Report) error {
	g.advance(now)
	if from.Group == g.state.Group {
		// Also of a generation that was given up: its members may go on among
		// themselves, and what they order then is not to come again either.
		if err := g.reported(report.Position); err != nil {
			return err
		}
	}
	if err := g.admit(from); err != nil {
		return err
	}
	if from.Generation == g.state.Generation && report.View >= g.state.NextView {
		return g.refuseOlder(from, fmt.Sprintf("view %d", report.View), fmt.Sprintf("view %d", g.state.NextView-1))
	}
	n := g.known(from)
	if n == nil {
		g.decide()
		return nil
	}
	if g.committed().Has(from.Incarnation) {
		if g.now-g.heardAny >= g.state.Settings.Detection {
			// The first member heard after a long silence of all: the silence of
			// the others may have been the registry's own.
			g.since = g.now
		}
		g.heardAny = g.now
	}
	n.heard = g.now
	n.beats++
	if from.Generation != g.state.Generation {
		// It has not been told yet that a new generation has begun; what it
		// reports is about the old one.
		g.decide()
		return nil
	}
	n.report, n.reportAt = report, g.now
	if n.unanswered != 0 && n.wedgedFor(n.unanswered) {
		n.unanswered = 0
	}
	if a := g.state.Attempt; a != nil && a.Leader == from.Incarnation && a.View.ID == report.Installed && g.intact(a) {
		g.commit(a.View)
	}
	g.decide()
	return nil
}

// known returns the node that sends, nil if it is no member and no joiner.
func (g *Group) known(from From) *node {
	n := g.nodes[from.Incarnation]
	if planted.On(planted.HeartbeatByID) {
		if holders := g.holders(from.ID); len(holders) > 0 {
			return holders[len(holders)-1]
		}
	}
	if n == nil || n.member.ID != from.ID {
		return nil
	}
	return n
}

// admit refuses those that belong elsewhere. Incarnations are never used
// twice in a group, so one that is known is welcome even while it believes in
// an older generation: it is about to be told of the new one.
func (g *Group) admit(from From) error {
	if from.Group != g.state.Group {
		return g.refuseGroup(from.ID, from.Group)
	}
	if from.Generation > g.state.Generation {
		return g.refuseOlder(from, fmt.Sprintf("generation %d", from.Generation), fmt.Sprintf("generation %d", g.state.Generation))
	}
	if g.known(from) != nil || g.departed.has(from.Incarnation) || from.Generation == g.state.Generation {
		return nil
	}
	return refuse(ErrOtherGeneration, "%s#%d belongs to generation %d of the group, whose state was given up; this is generation %d: start the node anew to join it, empty",
		from.ID, from.Incarnation, from.Generation, g.state.Generation)
}

// refuseOlder refuses a node that knows more of the group than this record, which
// is an old copy then: everything is saved before any node is told of it.
func (g *Group) refuseOlder(from From, theirs, ours string) error {
	return refuse(ErrOtherGroup, "%s#%d is in %s, and the record of this registry ends with %s: it is an old copy; start the registry with the newest data directory of the group",
		from.ID, from.Incarnation, theirs, ours)
}

func (g *Group) refuseGroup(id string, group uint64) error {
	return refuse(ErrOtherGroup, "%s belongs to group %x, this registry keeps group %x; point the node to its own registry, or start it again to join this group, without what it holds",
		id, group, g.state.Group)
}
