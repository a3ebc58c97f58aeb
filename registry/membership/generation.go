package membership

import (
	"slices"
	"time"
)

// NewGeneration gives up the group's state by an operator's decision. The
// joiners that are alive become the first view of the new generation; if there
// are none, the next node to register does. It returns the new generation.
func (g *Group) NewGeneration(now time.Duration, force bool) (uint64, error) {
	g.advance(now)
	if view, ok := g.state.Committed(); ok && !force {
		heard := 0
		for _, m := range view.Members {
			if g.heard(g.nodes[m.Incarnation]) {
				heard++
			}
		}
		return 0, refuse(ErrNeedsForce, "a new generation discards all data of the group. Of its %d members (%s) %d are heard now. "+
			"A member that is alive but cut off could still serve its own clients. Stop them all, then force the new generation",
			len(view.Members), names(view.Members), heard)
	}
	if err := g.newGeneration("an operator's decision"); err != nil {
		return 0, err
	}
	g.decide()
	return g.state.Generation, nil
}

// totalLoss tells whether every member of the committed view is proved dead.
// Then nobody holds the group's state any more.
func (g *Group) totalLoss() bool {
	view, ok := g.state.Committed()
	return ok && !slices.ContainsFunc(view.Members, func(m Member) bool { return !g.provedDead(m.Incarnation) })
}

// lostWith tells whether every member of the committed view is proved dead, or is the one
// with an incarnation that a node can prove dead.
func (g *Group) lostWith(proved uint64) bool {
	return proved != 0 && !slices.ContainsFunc(g.committed().Members, func(m Member) bool {
		return m.Incarnation != proved && !g.provedDead(m.Incarnation)
	})
}

// recover begins a new generation after a total loss, or says once why it cannot.
func (g *Group) recover() {
	err := g.newGeneration("every member of the last view is proved dead")
	if err != nil && !g.exhausted {
		g.exhausted = true
		g.event(Event{Kind: EventNoGeneration, View: g.committed(), Reason: err.Error()})
	}
}

// newGeneration begins anew, without a view. The members of the old one are
// forgotten: their heartbeats are refused as those of another generation.
// Joiners stay; all of them become the first view, whatever they reported. If the
// error is ErrExhausted, nothing was changed.
func (g *Group) newGeneration(reason string) error {
	if err := g.mayBegin(); err != nil {
		return err
	}
	old := g.committed()
	for _, m := range old.Members {
		delete(g.nodes, m.Incarnation)
	}
	g.state.Generation++
	g.state.Base = g.firstPosition()
	g.raiseFloor(g.state.Base)
	g.state.Views = nil
	g.state.Attempt = nil
	g.state.ProvedDead = nil
	g.state.MinReached = false
	clear(g.penalties)
	g.trials, g.began = trials{}, 0
	g.gathering = false
	g.changed()
	g.event(Event{Kind: EventNewGeneration, View: old, Generation: g.state.Generation, Base: g.state.Base, Reason: reason})
	return nil
}

// firstView commits the first view of a generation, of all joiners that are
// alive. It needs no attempt: there is no state to carry over.
func (g *Group) firstView() {
	var members []Member
	for _, n := range g.joiners() {
		members = append(members, n.member)
	}
	if len(members) == 0 {
		return
	}
	if g.state.Base != 0 && featureLevel(members) < BaseLevel {
		g.state.Base = 0
		g.event(Event{Kind: EventBaseIgnored, Reason: "one of the nodes " + names(members) + " is of an earlier release"})
	}
	view := View{ID: g.state.NextView, FeatureLevel: featureLevel(members), Members: members}
	g.state.NextView++
	g.commit(view)
}
