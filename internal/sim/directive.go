package sim

import (
	"cmp"
	"slices"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// directiveState is what the registry has told.
type directiveState struct {
	known     bool
	latest    membership.Directive
	committed *membership.View
	members   map[uint64]membership.Member // by incarnation: all that were named
	successor *membership.Directive
}

// leads tells whether a member was named the leader of an attempt.
func (s *directiveState) leads(attempt, incarnation uint64) bool {
	a := s.latest.Attempt
	return a != nil && a.View.ID == attempt && a.Leader == incarnation
}

// directed takes what the registry tells: every committed view in order, then
// the attempt under way.
func (r *replica) directed(d membership.Directive) {
	if r.failed != goesOn {
		return
	}
	if r.w.tracing() {
		r.w.trace("%s is told %s", r, describeDirective(&d))
	}
	if r.foreign(&d) {
		return
	}
	if d.Generation != r.generation || d.Excluded {
		r.w.chain.obeyed(r)
	}
	if d.Generation != r.generation {
		if !d.Excluded {
			r.directive.successor = &d
		}
		r.fail(newGeneration)
		return
	}
	state := &r.directive
	if state.known && d.Revision < state.latest.Revision {
		r.w.counts.Outdated++
		if d.Revision>>32 < state.latest.Revision>>32 {
			r.w.counts.Deposed++
		}
		return
	}
	state.latest, state.known = d, true
	if d.Excluded {
		r.exclude()
		return
	}
	for i := range d.Views {
		v := &d.Views[i]
		r.remember(v.Members)
		if state.committed == nil || v.ID > state.committed.ID {
			state.committed = v
		}
		if err := r.core.Commit(toView(v)); err != nil {
			if r.w.tracing() {
				r.w.trace("%s: %v", r, err)
			}
			r.w.counts.Missed++
			r.exclude()
			return
		}
	}
	r.remember(d.Joining)
	if a := d.Attempt; a != nil {
		r.remember(a.View.Members)
		r.core.Wedge(isis.Attempt{View: toView(&a.View), Leader: r.member(a.Leader)})
	}
	r.checkDonor()
	r.linkPeers()
}

// foreign reports whether a directive comes from a registry that the node must not
// obey: of another group, or with a record older than what the node knows.
func (r *replica) foreign(d *membership.Directive) bool {
	view := r.core.View().ID
	return d.Group != r.group || d.Generation < r.generation ||
		d.Generation == r.generation && d.Excluded && view != 0 &&
			!slices.ContainsFunc(d.Views, func(v membership.View) bool { return v.ID > view })
}

func (r *replica) exclude() {
	if r.leaving {
		r.fail(left)
		return
	}
	if r.damage.known {
		r.fail(damagedState)
		return
	}
	r.fail(excluded)
}

func (r *replica) remember(members []membership.Member) {
	for _, m := range members {
		r.directive.members[m.Incarnation] = m
	}
}

func (r *replica) member(incarnation uint64) isis.MemberID {
	return isis.MemberID{ID: r.directive.members[incarnation].ID, Incarnation: incarnation}
}

// linkPeers keeps links with the members of the view this node is in, of the
// newest one, of the attempt under way, and with those that want to join.
func (r *replica) linkPeers() {
	var wanted []uint64
	for _, m := range r.core.View().Members {
		wanted = append(wanted, m.Incarnation)
	}
	add := func(members []membership.Member) {
		for _, m := range members {
			wanted = append(wanted, m.Incarnation)
		}
	}
	if r.directive.committed != nil {
		add(r.directive.committed.Members)
	}
	if a := r.directive.latest.Attempt; a != nil {
		add(a.View.Members)
	}
	add(r.directive.latest.Joining)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	wanted = slices.DeleteFunc(wanted, func(i uint64) bool { return i == r.self.Incarnation })
	for incarnation := range r.directive.members {
		if _, found := slices.BinarySearch(wanted, incarnation); !found && incarnation != r.self.Incarnation {
			delete(r.directive.members, incarnation)
		}
	}
	view := max(r.core.View().ID, r.core.Attempt())
	if r.directive.committed != nil {
		view = max(view, r.directive.committed.ID)
	}
	r.setPeers(view, wanted)
}

// entered notes that the node is in a new view.
func (r *replica) entered(v isis.View) {
	if r.w.tracing() {
		r.w.trace("  %s enters view %d %v at %d", r, v.ID, v.Members, r.core.Position())
	}
	r.w.chain.entered(r, &v)
	for _, f := range r.feeds {
		if slices.ContainsFunc(v.Members, func(m isis.MemberID) bool { return m.Incarnation == f.joiner }) {
			f.end()
		}
	}
	r.beat.entered, r.beat.accused = r.p.local(), nil
	r.post(r.sendProbe)
	r.clock.enter(r, v.Rank(r.self) == 0)
	r.linkPeers()
	if !r.serving {
		r.serving = true
		r.p.served = true
		if c := r.observer.conn; c != nil {
			r.observer.conn = nil
			c.close(0)
		}
	}
}

func toView(v *membership.View) isis.View {
	members := make([]isis.MemberID, len(v.Members))
	for i, m := range v.Members {
		members[i] = isis.MemberID{ID: m.ID, Incarnation: m.Incarnation}
	}
	return isis.View{ID: v.ID, Prev: v.Prev, Members: members}
}

// byIncarnation orders links.
func byIncarnation(l *link, incarnation uint64) int {
	return cmp.Compare(l.peer.Incarnation, incarnation)
}
