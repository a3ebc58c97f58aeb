package membership

import "time"

const (
	reasonLeft    = "left"
	reasonStopped = "it has said that it has stopped"
)

// Leave asks for a view without the node, and returns at once; a directive
// tells the node when it is done. It may be repeated. The last member is
// refused with ErrLastMember unless force is set; then the group's state is
// given up, and a new generation begins with the next node.
func (g *Group) Leave(now time.Duration, from From, force bool, reason string) error {
	g.advance(now)
	if from.Group != 0 && from.Group != g.state.Group {
		return g.refuseGroup(from.ID, from.Group)
	}
	n := g.known(from)
	if n == nil {
		if g.departed.has(from.Incarnation) {
			return nil
		}
		return refuse(ErrUnknownNode, "%s#%d is neither a member nor a joiner of the group", from.ID, from.Incarnation)
	}
	if len(reason) > maxReasonBytes {
		reason = reason[:maxReasonBytes]
	}
	if !g.committed().Has(from.Incarnation) {
		g.depart(n.member, reasonLeft)
		g.decide()
		return nil
	}
	if err := g.mayLeave(n, force); err != nil {
		return err
	}
	if len(g.committed().Members) == 1 {
		if err := g.newGeneration("the last member " + n.member.String() + " was made to leave"); err != nil {
			return err
		}
		g.departed.add(from.Incarnation, reasonLeft)
	} else {
		n.forced = n.forced || force
		if !n.leaving {
			n.leaving = true
			g.event(Event{Kind: EventLeave, Node: n.member, Reason: reason})
		}
	}
	g.decide()
	return nil
}

// Stopped takes a node's word that it has stopped without having left, and serves nobody any
// more. The group goes on without it at once, by force also below its minimum size; what it had
// under way is lost or delivered as after a crash. It may be repeated.
func (g *Group) Stopped(now time.Duration, from From, force bool) error {
	g.advance(now)
	if from.Group != 0 && from.Group != g.state.Group {
		return g.refuseGroup(from.ID, from.Group)
	}
	n := g.known(from)
	switch {
	case n == nil && g.departed.has(from.Incarnation):
		return nil
	case n == nil:
		return refuse(ErrUnknownNode, "%s#%d is neither a member nor a joiner of the group", from.ID, from.Incarnation)
	case !g.committed().Has(from.Incarnation):
		g.depart(n.member, reasonStopped)
	default:
		n.forced = n.forced || force
		g.proveDead(n.member, reasonStopped)
	}
	g.decide()
	return nil
}

// mayLeave refuses a leave that would take the last member, or too many.
func (g *Group) mayLeave(n *node, force bool) error {
	if force {
		return nil
	}
	staying := 0
	for _, m := range g.committed().Members {
		if other := g.nodes[m.Incarnation]; other != n && !other.leaving && g.heard(other) {
			staying++
		}
	}
	if staying == 0 {
		return refuse(ErrLastMember, "without %s the group's state is lost; start another node first, or leave by force", n.member)
	}
	if !g.leaveAllowed(staying) {
		return refuse(ErrMinMembers, "without %s the group would have %d members, and its minimum is %d; start another node first, or leave by force",
			n.member, staying, g.state.Settings.MinMembers)
	}
	return nil
}

func (g *Group) leaveAllowed(size int) bool {
	return !g.state.MinReached || size >= g.state.Settings.MinMembers
}

// departed remembers why nodes are gone, the latest maxDeparted of them.
type departed struct {
	reasons map[uint64]string
	order   []uint64
}

func (d *departed) has(incarnation uint64) bool {
	_, ok := d.reasons[incarnation]
	return ok
}

func (d *departed) add(incarnation uint64, reason string) {
	if d.reasons == nil {
		d.reasons = make(map[uint64]string)
	}
	if !d.has(incarnation) {
		d.order = append(d.order, incarnation)
	}
	d.reasons[incarnation] = reason
	if len(d.order) > maxDeparted {
		delete(d.reasons, d.order[0])
		d.order = d.order[1:]
	}
}

// depart forgets a member or joiner and remembers why.
func (g *Group) depart(m Member, reason string) {
	delete(g.nodes, m.Incarnation)
	g.departed.add(m.Incarnation, reason)
	g.changes++
	g.event(Event{Kind: EventDepart, Node: m, Reason: reason})
}
