package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// directiveState is what the registry has told. It belongs to the owner of the
// turn.
type directiveState struct {
	known     bool // latest is
	latest    membership.Directive
	committed membership.View              // the newest committed view, the zero view at first
	members   map[uint64]membership.Member // by incarnation: all that were named
	successor *membership.Directive        // the first of a generation that this incarnation may go on in
}

// attempt is the view of the attempt under way, the zero view if there is none.
func (s *directiveState) attempt() membership.View {
	if s.latest.Attempt == nil {
		return membership.View{}
	}
	return s.latest.Attempt.View
}

// directed takes what the registry tells: every committed view in order, then
// the attempt under way. Owner only.
func (r *replica) directed(d *membership.Directive) {
	if r.failed != nil || r.foreign(d) {
		return
	}
	if d.Generation != r.generation {
		r.log.Warn("the group has begun a new generation: the variables are gone", "generation", d.Generation)
		if !d.Excluded {
			r.directive.successor = d
		}
		r.fail(errGeneration)
		return
	}
	state := &r.directive
	if state.known && d.Revision < state.latest.Revision {
		return
	}
	state.latest, state.known = *d, true
	if d.Excluded {
		r.excluded(d.Reason)
		return
	}
	r.timing.follow(&d.Settings)
	r.waits(d.Reason)
	for i := range d.Views {
		v := &d.Views[i]
		r.remember(v.Members)
		if v.ID > state.committed.ID {
			state.committed = *v
		}
		view := toView(v)
		if r.cfg.OnBegin != nil && r.core.Begins(&view) {
			r.cfg.OnBegin(r.core.Position())
		}
		if err := r.core.Commit(view); err != nil {
			r.excluded(err.Error())
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

// foreign reports whether a directive comes from a registry that this node must
// not obey, because its record is of another group, or older than what the node
// knows: it has not reached the node's generation, or excludes the node without a
// view after the node's. Such a registry knows nothing of this group's present,
// and obeying it would give up variables that nobody else may have. Owner only.
func (r *replica) foreign(d *membership.Directive) bool {
	var why string
	switch {
	case d.Group != r.group:
		why = "it keeps another group"
	case d.Generation < r.generation:
		why = "its record is of an earlier generation"
	case d.Generation == r.generation && d.Excluded && !r.excludedLater(d):
		why = "it excludes this node, and its record is older than this node's view"
	default:
		return false
	}
	if left, ok := r.foreignGate.Open(time.Now()); ok {
		r.log.Error("ignored a directive of a registry that does not have this group's record: this node keeps its variables and its view; "+
			"start the registry with the newest data directory of this group",
			"reason", why, "group", d.Group, "generation", d.Generation, "left_out", left)
	}
	return true
}

// excludedLater reports whether a directive that excludes this node may be right:
// a member is excluded by a view after its own, and the registry names that view.
func (r *replica) excludedLater(d *membership.Directive) bool {
	view := r.core.View().ID
	return view == 0 || slices.ContainsFunc(d.Views, func(v membership.View) bool { return v.ID > view })
}

// waits notes what the registry says that this joiner waits for; "" for a member.
func (r *replica) waits(reason string) {
	if before := r.waitsFor.Swap(&reason); reason != "" && (before == nil || *before != reason) {
		r.log.Info("is no member yet", "reason", reason)
	}
	if reason != "" {
		r.noteUnlinked()
	}
}

func (r *replica) excluded(reason string) {
	if r.leaving.Load() {
		r.fail(errLeft)
		return
	}
	if d := r.damage.Load(); d != nil {
		r.log.Warn("has left the group for its damaged state, coming back as a new incarnation", "damage", d.err)
		r.fail(fmt.Errorf("%w: %w", errDamaged, d.err))
		return
	}
	r.log.Warn("excluded from the group, coming back as a new incarnation", "reason", reason)
	r.fail(errExcluded)
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
	wanted := map[uint64]bool{}
	for _, m := range r.core.View().Members {
		wanted[m.Incarnation] = true
	}
	d := &r.directive
	for _, list := range [][]membership.Member{d.committed.Members, d.attempt().Members, d.latest.Joining} {
		for _, m := range list {
			wanted[m.Incarnation] = true
		}
	}
	delete(wanted, r.self.Incarnation)
	peers := make([]transport.Peer, 0, len(wanted))
	for incarnation := range wanted {
		peers = append(peers, transport.Peer{MemberID: r.member(incarnation), Addr: d.members[incarnation].PeerAddr})
	}
	slices.SortFunc(peers, func(a, b transport.Peer) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	for incarnation := range d.members {
		if !wanted[incarnation] && incarnation != r.self.Incarnation {
			delete(d.members, incarnation)
		}
	}
	// A dead link begins anew for an attempt: the flush needs it. A joiner counts
	// the views that were committed without it, since it forgets the attempts before.
	r.net.SetPeers(max(r.core.View().ID, r.core.Attempt(), d.committed.ID), peers)
}

// entered notes that the node is in a new view. Owner only.
func (r *replica) entered(v isis.View) {
	r.log.Info("entered view", "view", v.ID, "members", memberNames(v.Members), "rank", r.core.Rank(), "position", r.core.Position())
	for _, f := range r.feeds {
		if f.joiner != 0 && slices.ContainsFunc(v.Members, func(m isis.MemberID) bool { return m.Incarnation == f.joiner }) {
			f.close(errAnotherView)
		}
	}
	r.beat.entered, r.beat.accused = time.Now(), nil
	r.post(r.sendProbe) // in the next turn, which takes it along
	r.clock.enter(v.Rank(r.self) == 0)
	r.level.Store(r.levelOf(v.ID))
	r.linkPeers()
	r.inView.Store(true)
}

func memberNames(members []isis.MemberID) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = memberName(m)
	}
	return names
}

func toView(v *membership.View) isis.View {
	members := make([]isis.MemberID, len(v.Members))
	for i, m := range v.Members {
		members[i] = isis.MemberID{ID: m.ID, Incarnation: m.Incarnation}
	}
	return isis.View{ID: v.ID, Prev: v.Prev, Members: members}
}
