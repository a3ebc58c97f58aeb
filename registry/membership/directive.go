package membership

import (
	"maps"
	"slices"
)

// Directive is all that a node must know, complete each time.
type Directive struct {
	Group      uint64
	Generation uint64
	Base       uint64 // a generation's first view begins at this position
	Revision   uint64
	// Views has the committed view, unless the node is in it already. No node needs
	// an older one: a member is at most one view behind, since a view is committed
	// only after each of its members has acknowledged, in the view before it, the cut
	// between the two. A node that is further behind was in no cut, cannot enter the
	// view (isis.ErrMissedView), and comes back as a new incarnation.
	Views    []View
	Attempt  *Attempt // the attempt under way, if the node is a member of it
	Excluded bool     // no member and no joiner (any more)
	Reason   string   // why it is excluded, or what a joiner waits for
	Settings Settings
	Joining  []Member
	Ease     bool           // a change of the view is due: a member is to have no more than one message under way
	Keys     map[uint64]Key // of the node with those named here, and with itself, by incarnation; see Key
	Pace     uint64         // bytes a second that each member may send, while a joiner cannot keep up; 0: any
}

// Same reports whether nothing differs but the revision, and the words about what a
// joiner waits for: nothing that a node acts on.
func (d *Directive) Same(e *Directive) bool {
	return d.Group == e.Group && d.Generation == e.Generation && d.Base == e.Base && d.Excluded == e.Excluded &&
		d.Settings == e.Settings && d.Ease == e.Ease && d.Pace == e.Pace && slices.EqualFunc(d.Views, e.Views, View.same) && d.Attempt.same(e.Attempt) && slices.Equal(d.Joining, e.Joining) &&
		maps.Equal(d.Keys, e.Keys)
}

// Directive returns what to tell a node that is in the given view (0: none).
// It refuses those of another group or generation. It panics while state is
// unsaved, because a node must never know more than a restarted registry.
func (g *Group) Directive(from From, view uint64) (Directive, error) {
	if g.unsaved {
		panic("membership: Directive called before the state was saved")
	}
	if err := g.admit(from); err != nil {
		return Directive{}, err
	}
	d := Directive{
		Group:      g.state.Group,
		Generation: g.state.Generation,
		Base:       g.state.Base,
		Revision:   g.Revision(),
		Views:      g.viewsAfter(view),
		Settings:   g.state.Settings,
		Ease:       g.easing,
		Pace:       g.pacing.rate,
	}
	for _, n := range g.joiners() {
		d.Joining = append(d.Joining, n.member)
	}
	n := g.known(from)
	if n == nil {
		d.Excluded = true
		d.Reason = g.departed.reasons[from.Incarnation]
		if d.Reason == "" {
			d.Reason = "the registry does not know this incarnation; it forgets joiners when it is restarted"
		}
		return d, nil
	}
	if a := g.state.Attempt; a != nil && a.View.Has(from.Incarnation) {
		d.Attempt = a
	}
	d.Keys = g.keysFor(from, n.member, &d)
	if base := g.committed(); !base.Has(from.Incarnation) {
		d.Reason = g.waitsFor(n, base)
	}
	return d, nil
}

// waitsFor says, for people, why a joiner is not in the view yet.
func (g *Group) waitsFor(n *node, base View) string {
	if g.totalLoss() {
		if err := g.mayBegin(); err != nil {
			return "waits for a new generation, which cannot begin: " + err.Error()
		}
	}
	if len(base.Members) > 0 && g.hearsNobody() {
		return "waits for the members of the last view (" + names(base.Members) + "), none of which the registry hears: " +
			"start them again on their hosts with their identity directories, or let an operator begin a new generation"
	}
	if why := g.obstacle(n, g.survivors(base)); why != "" || g.mayTry(n) {
		return why
	}
	return "waits, since attempts with nodes that fail to join have held up the group"
}

// ViewOf returns the view that the node was last heard to be in, 0 for none.
func (g *Group) ViewOf(from From) uint64 {
	if n := g.known(from); n != nil {
		return n.report.View
	}
	return 0
}

// viewsAfter returns the committed view, if it is newer than the given one.
func (g *Group) viewsAfter(view uint64) []View {
	if committed, ok := g.state.Committed(); ok && committed.ID > view {
		return []View{committed}
	}
	return nil
}

// survivors returns the members that are not known to be dead.
func (g *Group) survivors(view View) []Member {
	dead := g.suspects(view.Members)
	return slices.DeleteFunc(slices.Clone(view.Members), func(m Member) bool { _, ok := dead[m.Incarnation]; return ok })
}
