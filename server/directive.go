package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// directiveState is what the registry has told. It belongs to the owner of the
// turn.
type directiveState struct {
	latest    *registrypb.Directive
	committed *registrypb.View              // the newest committed view
	members   map[uint64]*registrypb.Member // by incarnation: all that were named
	successor *registrypb.Directive         // the first of a generation that this incarnation may go on in
}

// directed takes what the registry tells: every committed view in order, then
// the attempt under way. Owner only.
func (r *replica) directed(d *registrypb.Directive) {
	if r.failed != nil || r.foreign(d) {
		return
	}
	if d.GetGeneration() != r.generation {
		r.log.Warn("the group has begun a new generation: the variables are gone", "generation", d.GetGeneration())
		if !d.GetExcluded() {
			r.directive.successor = d
		}
		r.fail(errGeneration)
		return
	}
	state := &r.directive
	if state.latest != nil && d.GetRevision() < state.latest.GetRevision() {
		return
	}
	state.latest = d
	if d.GetExcluded() {
		r.excluded(d.GetReason())
		return
	}
	r.timing.follow(d.GetSettings())
	r.waits(d.GetReason())
	for _, v := range d.GetViews() {
		r.remember(v.GetMembers())
		if state.committed == nil || v.GetId() > state.committed.GetId() {
			state.committed = v
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
	r.remember(d.GetJoining())
	if a := d.GetAttempt(); a != nil {
		r.remember(a.GetView().GetMembers())
		r.core.Wedge(isis.Attempt{View: toView(a.GetView()), Leader: r.member(a.GetLeader())})
	}
	r.checkDonor()
	r.linkPeers()
}

// foreign reports whether a directive comes from a registry that this node must
// not obey, because its record is of another group, or older than what the node
// knows: it has not reached the node's generation, or excludes the node without a
// view after the node's. Such a registry knows nothing of this group's present,
// and obeying it would give up variables that nobody else may have. Owner only.
func (r *replica) foreign(d *registrypb.Directive) bool {
	var why string
	switch {
	case d.GetGroup() != r.group:
		why = "it keeps another group"
	case d.GetGeneration() < r.generation:
		why = "its record is of an earlier generation"
	case d.GetGeneration() == r.generation && d.GetExcluded() && !r.excludedLater(d):
		why = "it excludes this node, and its record is older than this node's view"
	default:
		return false
	}
	if left, ok := r.foreignGate.Open(time.Now()); ok {
		r.log.Error("ignored a directive of a registry that does not have this group's record: this node keeps its variables and its view; "+
			"start the registry with the newest data directory of this group",
			"reason", why, "group", d.GetGroup(), "generation", d.GetGeneration(), "left_out", left)
	}
	return true
}

// excludedLater reports whether a directive that excludes this node may be right:
// a member is excluded by a view after its own, and the registry names that view.
func (r *replica) excludedLater(d *registrypb.Directive) bool {
	view := r.core.View().ID
	return view == 0 || slices.ContainsFunc(d.GetViews(), func(v *registrypb.View) bool { return v.GetId() > view })
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

func (r *replica) remember(members []*registrypb.Member) {
	for _, m := range members {
		r.directive.members[m.GetIncarnation()] = m
	}
}

func (r *replica) member(incarnation uint64) isis.MemberID {
	return isis.MemberID{ID: r.directive.members[incarnation].GetId(), Incarnation: incarnation}
}

// linkPeers keeps links with the members of the view this node is in, of the
// newest one, of the attempt under way, and with those that want to join.
func (r *replica) linkPeers() {
	wanted := map[uint64]bool{}
	for _, m := range r.core.View().Members {
		wanted[m.Incarnation] = true
	}
	for _, list := range [][]*registrypb.Member{
		r.directive.committed.GetMembers(),
		r.directive.latest.GetAttempt().GetView().GetMembers(),
		r.directive.latest.GetJoining(),
	} {
		for _, m := range list {
			wanted[m.GetIncarnation()] = true
		}
	}
	delete(wanted, r.self.Incarnation)
	peers := make([]transport.Peer, 0, len(wanted))
	for incarnation := range wanted {
		m := r.directive.members[incarnation]
		peers = append(peers, transport.Peer{MemberID: r.member(incarnation), Addr: m.GetPeerAddr()})
	}
	slices.SortFunc(peers, func(a, b transport.Peer) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	for incarnation := range r.directive.members {
		if !wanted[incarnation] && incarnation != r.self.Incarnation {
			delete(r.directive.members, incarnation)
		}
	}
	// A dead link begins anew for an attempt: the flush needs it. A joiner counts
	// the views that were committed without it, since it forgets the attempts before.
	r.net.SetPeers(max(r.core.View().ID, r.core.Attempt(), r.directive.committed.GetId()), peers)
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

func toView(v *registrypb.View) isis.View {
	members := make([]isis.MemberID, len(v.GetMembers()))
	for i, m := range v.GetMembers() {
		members[i] = isis.MemberID{ID: m.GetId(), Incarnation: m.GetIncarnation()}
	}
	return isis.View{ID: v.GetId(), Prev: v.GetPrev(), Members: members}
}
