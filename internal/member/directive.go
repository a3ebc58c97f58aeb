package member

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// directives is what the registry has said.
type directives struct {
	known     bool // latest is
	latest    membership.Directive
	committed membership.View              // the newest committed view, the zero view at first
	members   map[uint64]membership.Member // by incarnation: all that were named
	keys      map[uint64]membership.Key    // with these, and with the registry
	successor *membership.Directive        // the first of a generation that this incarnation may go on in
}

// attempt is the view of the attempt under way, the zero view if there is none.
func (s *directives) attempt() membership.View {
	if s.latest.Attempt == nil {
		return membership.View{}
	}
	return s.latest.Attempt.View
}

// Directed takes what the registry says: every committed view in order, then the
// attempt under way.
func (m *Member) Directed(d *membership.Directive) {
	if m.failed != nil || m.foreign(d) {
		return
	}
	if d.Generation != m.generation {
		m.newGeneration(d)
		return
	}
	state := &m.directive
	if state.known && d.Revision < state.latest.Revision {
		m.host.Event(Outdated{Revision: d.Revision, Latest: state.latest.Revision})
		return
	}
	state.latest, state.known = *d, true
	maps.Copy(state.keys, d.Keys)
	if d.Excluded {
		m.excluded(d.Reason)
		return
	}
	m.follow(&d.Settings)
	m.waitsFor(d.Reason)
	for i := range d.Views {
		v := &d.Views[i]
		m.remember(v.Members)
		if v.ID > state.committed.ID {
			state.committed = *v
		}
		view := toView(v)
		if m.core.Begins(&view) {
			m.host.Event(Begins{Position: m.core.Position()})
		}
		if err := m.core.Commit(view); err != nil {
			m.excluded(err.Error())
			return
		}
	}
	m.remember(d.Joining)
	m.core.Ease(d.Ease)
	m.core.Pace(d.Pace > 0)
	if a := d.Attempt; a != nil {
		m.remember(a.View.Members)
		m.core.Wedge(isis.Attempt{View: toView(&a.View), Leader: m.member(a.Leader), Full: a.View.FeatureLevel < wire.LevelFetch})
	}
	m.checkDonor()
	m.linkPeers()
}

// foreign reports whether a directive comes from a registry that this node must
// not obey, because its record is of another group, or older than what the node
// knows: it has not reached the node's generation, or excludes the node without a
// view after the node's. Such a registry knows nothing of this group's present,
// and obeying it would give up variables that nobody else may have.
func (m *Member) foreign(d *membership.Directive) bool {
	var why string
	switch {
	case d.Group != m.group:
		why = "it keeps another group"
	case d.Generation < m.generation:
		why = "its record is of an earlier generation"
	case d.Generation == m.generation && d.Excluded && !m.excludedLater(d):
		why = "it excludes this node, and its record is older than this node's view"
	default:
		return false
	}
	m.host.Event(Ignored{Reason: why, Group: d.Group, Generation: d.Generation})
	return true
}

// excludedLater reports whether a directive that excludes this node may be right:
// a member is excluded by a view after its own, and the registry names that view.
func (m *Member) excludedLater(d *membership.Directive) bool {
	view := m.core.View().ID
	return view == 0 || slices.ContainsFunc(d.Views, func(v membership.View) bool { return v.ID > view })
}

// newGeneration ends the member: its group has given the variables up. d is the first
// directive of the new generation, nil if it is not known.
func (m *Member) newGeneration(d *membership.Directive) {
	if d != nil {
		m.host.Event(NewGeneration{Generation: d.Generation})
		if !d.Excluded {
			m.directive.successor = d
		}
	}
	m.Fail(ErrGeneration)
}

// Successor returns, once the member has ended, the first directive of the generation
// that the same incarnation may go on in, nil if there is none.
func (m *Member) Successor() *membership.Directive { return m.directive.successor }

// waitsFor says what this joiner waits for by the registry's word; "" of a member.
func (m *Member) waitsFor(reason string) {
	if reason == "" && m.waited == "" {
		return
	}
	e := Waits{Reason: reason}
	m.waited = reason
	if reason != "" {
		for _, p := range m.links.AppendPeers(nil) {
			if !p.Connected && p.Broken != nil && m.directive.committed.Has(p.Incarnation) {
				e.Unlinked = append(e.Unlinked, p)
			}
		}
	}
	m.host.Event(e)
}

func (m *Member) excluded(reason string) {
	d := m.reader.damage.Load()
	switch {
	case m.reader.leaving.Load():
		m.Fail(ErrLeft)
	case d != nil:
		m.host.Event(Excluded{Reason: reason, Damage: d.Err})
		m.Fail(fmt.Errorf("%w: %w", ErrDamaged, d.Err))
	default:
		m.host.Event(Excluded{Reason: reason})
		m.Fail(ErrExcluded)
	}
}

func (m *Member) remember(members []membership.Member) {
	for _, named := range members {
		m.directive.members[named.Incarnation] = named
	}
}

func (m *Member) member(incarnation uint64) isis.MemberID {
	return isis.MemberID{ID: m.directive.members[incarnation].ID, Incarnation: incarnation}
}

// Named returns what the registry says of a member or joiner, false if it has not named
// it.
func (m *Member) Named(incarnation uint64) (membership.Member, bool) {
	named, ok := m.directive.members[incarnation]
	return named, ok
}

// linkPeers keeps links with the members of the view this node is in, of the
// newest one, of the attempt under way, and with those that want to join.
func (m *Member) linkPeers() {
	wanted := map[uint64]uint64{} // by incarnation: the newest view that this node is in, too
	in := m.core.View()
	for _, member := range in.Members {
		wanted[member.Incarnation] = in.ID
	}
	d := &m.directive
	for _, v := range []membership.View{d.committed, d.attempt(), {Members: d.latest.Joining}} {
		bound := v.ID
		if !v.Has(m.self.Incarnation) {
			bound = 0
		}
		for _, named := range v.Members {
			wanted[named.Incarnation] = max(wanted[named.Incarnation], bound)
		}
	}
	delete(wanted, m.self.Incarnation)
	peers := make([]link.Peer, 0, len(wanted))
	for incarnation, bound := range wanted {
		peers = append(peers, link.Peer{MemberID: m.member(incarnation), Addr: d.members[incarnation].PeerAddr, Bound: bound, Key: link.Key(d.keys[incarnation])})
	}
	slices.SortFunc(peers, func(a, b link.Peer) int { return cmp.Compare(a.Incarnation, b.Incarnation) })
	for incarnation := range d.members {
		if _, named := wanted[incarnation]; !named && incarnation != m.self.Incarnation {
			delete(d.members, incarnation)
			delete(d.keys, incarnation)
		}
	}
	m.links.SetPeers(peers)
}

// entered notes that the node is in a new view.
func (m *Member) entered(v isis.View) {
	now := m.clock.Steady()
	level := m.levelOf(v.ID)
	rises := m.reader.inView.Load() && level > m.reader.level.Load() && !planted.On(planted.FeedOutlivesLevel)
	m.host.Event(Entered{View: v, Rank: m.core.Rank(), Position: m.core.Position(), Rises: rises})
	m.beat.entered, m.beat.accused = now, nil
	m.due.probe = true // later in the turn, which takes it along
	m.ordinal.enter(v.Rank(m.self) == 0, now)
	m.reader.level.Store(level)
	m.reader.inView.Store(true)
}

// lowestLevel is the feature level of a view of which nothing is known.
const lowestLevel = 1

// levelOf is the feature level of a view that this node knows from the registry.
func (m *Member) levelOf(view uint64) uint32 {
	d := &m.directive
	known := append([]membership.View{d.committed, d.attempt()}, d.latest.Views...)
	for i := range known {
		if known[i].ID == view {
			return known[i].FeatureLevel
		}
	}
	return lowestLevel
}

func toView(v *membership.View) isis.View {
	members := make([]isis.MemberID, len(v.Members))
	for i, m := range v.Members {
		members[i] = isis.MemberID{ID: m.ID, Incarnation: m.Incarnation}
	}
	return isis.View{ID: v.ID, Prev: v.Prev, Members: members}
}
