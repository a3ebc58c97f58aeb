package member

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// latest is a directive like the newest that the node has, of a later revision.
func (n *node) latest() *membership.Directive {
	d := n.m.directive.latest
	d.Revision++
	d.Views = nil
	return &d
}

func (n *node) direct(d *membership.Directive) { n.do(func(m *Member) { m.Directed(d) }) }

// A directive of a registry that is not to be obeyed does nothing.
func TestForeign(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*membership.Directive)
		ignored string
	}{
		{"it is the group's", func(*membership.Directive) {}, ""},
		{"another group", func(d *membership.Directive) { d.Group++ }, "it keeps another group"},
		{"another group of a later generation", func(d *membership.Directive) { d.Group++; d.Generation++ }, "it keeps another group"},
		{"an earlier generation", func(d *membership.Directive) { d.Generation-- }, "its record is of an earlier generation"},
		{"excluded by no view", func(d *membership.Directive) { d.Excluded = true }, "it excludes this node, and its record is older than this node's view"},
		{"excluded by its own view", func(d *membership.Directive) { d.Excluded, d.Views = true, []membership.View{{ID: 1}} }, "it excludes this node, and its record is older than this node's view"},
	} {
		g := newGroup(t, 2)
		n := g.node("n1")
		d := n.latest()
		d.Joining = []membership.Member{named(8)}
		tc.change(d)
		n.direct(d)
		if n.err != nil {
			t.Errorf("%s: it ends with %v", tc.name, n.err)
		}
		got := eventsOf[Ignored](n)
		if tc.ignored == "" {
			if len(got) > 0 || n.m.directive.latest.Revision != d.Revision {
				t.Errorf("%s: %+v", tc.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0] != (Ignored{Reason: tc.ignored, Group: d.Group, Generation: d.Generation}) {
			t.Errorf("%s: %+v", tc.name, got)
		}
		if _, ok := n.m.Named(8); ok || n.m.directive.latest.Revision == d.Revision {
			t.Errorf("%s: it is obeyed", tc.name)
		}
	}
}

// A member is excluded by a later view, one that is in no view by any word.
func TestExcluded(t *testing.T) {
	later := func(n *node) *membership.Directive {
		d := n.latest()
		d.Excluded, d.Reason, d.Views = true, "why", []membership.View{{ID: 1}, {ID: 2}}
		return d
	}
	n := newGroup(t, 2).node("n1")
	n.direct(later(n))
	if got := eventsOf[Excluded](n); n.err != ErrExcluded || len(got) != 1 || got[0] != (Excluded{Reason: "why"}) { //nolint:errorlint // the same
		t.Errorf("%v, %+v", n.err, got)
	}
	n = newGroup(t, 2).node("n1")
	n.keepAsks = true
	n.do(func(m *Member) { m.Damaged(errFlipped) })
	n.direct(later(n))
	if got := eventsOf[Excluded](n); !errors.Is(n.err, ErrDamaged) || !errors.Is(n.err, errFlipped) || len(got) != 1 || got[0] != (Excluded{Reason: "why", Damage: errFlipped}) {
		t.Errorf("damaged: %v, %+v", n.err, got)
	}
	n = newGroup(t, 2).node("n1")
	n.keepAsks = true
	n.do(func(m *Member) { m.Damaged(errFlipped); m.Leave(false) })
	n.direct(later(n))
	if n.err != ErrLeft || len(eventsOf[Excluded](n)) > 0 { //nolint:errorlint // the same
		t.Errorf("leaving: %v", n.err)
	}
	g := newGroup(t, 1)
	j := g.join(options{})
	j.noDonor = true
	d := j.latest()
	d.Excluded, d.Reason = true, "unknown"
	j.direct(d)
	if j.err != ErrExcluded || len(eventsOf[Ignored](j)) > 0 { //nolint:errorlint // the same
		t.Errorf("a joiner: %v", j.err)
	}
	n = newGroup(t, 1).node("n1")
	settings := n.m.heartbeat
	d = later(n)
	d.Settings.Heartbeat = time.Hour
	n.direct(d)
	if n.m.heartbeat != settings || n.m.directive.latest.Revision != d.Revision {
		t.Error("more of a directive counts that excludes the node, or less")
	}
}

// A view without the member excludes it, whatever the directive says.
func TestViewWithout(t *testing.T) {
	n := newGroup(t, 2).node("n1")
	d := n.latest()
	d.Views = []membership.View{{ID: 2, Prev: 1, Members: []membership.Member{named(2)}}}
	d.Joining = []membership.Member{named(8)}
	n.direct(d)
	if n.m.core.Phase() != isis.Excluded {
		t.Errorf("%v", n.m.core.Phase())
	}
	n = newGroup(t, 2).node("n1")
	d = n.latest()
	d.Views = []membership.View{{ID: 3, Prev: 2, Members: []membership.Member{named(1)}}} // the cut is missing
	d.Joining = []membership.Member{named(8)}
	n.direct(d)
	if got := eventsOf[Excluded](n); !errors.Is(n.err, ErrExcluded) || len(got) != 1 || !strings.HasPrefix(got[0].Reason, isis.ErrMissedView.Error()) {
		t.Errorf("%v, %+v", n.err, got)
	}
	if _, ok := n.m.Named(8); ok {
		t.Error("the rest of the directive counts")
	}
}

// A later generation ends the member. The same incarnation goes on in it if it is in it.
func TestNewGeneration(t *testing.T) {
	for _, excluded := range []bool{false, true} {
		n := newGroup(t, 1).node("n1")
		d := n.latest()
		d.Generation, d.Excluded = 2, excluded
		n.direct(d)
		if got := eventsOf[NewGeneration](n); n.err != ErrGeneration || len(got) != 1 || got[0].Generation != 2 { //nolint:errorlint // the same
			t.Errorf("%v, %+v", n.err, got)
		}
		want := d
		if excluded {
			want = nil
		}
		if n.m.Successor() != want {
			t.Errorf("excluded %v: it goes on in %+v", excluded, n.m.Successor())
		}
		// Nothing counts after the end.
		n.m.Directed(&membership.Directive{})
		if len(eventsOf[Ignored](n)) > 0 {
			t.Error("a directive is taken after the end")
		}
	}
}

// An earlier directive that comes late is dropped; one of the same revision is not.
func TestOutdated(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	d := n.latest()
	n.direct(d)
	same := *d
	same.Joining = []membership.Member{named(8)}
	n.direct(&same)
	if _, ok := n.m.Named(8); !ok || len(eventsOf[Outdated](n)) > 0 {
		t.Error("one of the same revision is dropped")
	}
	old := *d
	old.Revision--
	old.Joining = []membership.Member{named(7)}
	n.direct(&old)
	if got := eventsOf[Outdated](n); len(got) != 1 || got[0] != (Outdated{Revision: old.Revision, Latest: d.Revision}) {
		t.Errorf("%+v", got)
	}
	if _, ok := n.m.Named(7); ok || n.m.directive.latest.Revision != d.Revision {
		t.Error("it counts")
	}
	fresh := g.add(named(5), &options{})
	fresh.m.directive.latest.Revision = 1 << 40
	fresh.m.Directed(&membership.Directive{Group: testGroup, Generation: 1, Settings: membership.DefaultSettings(), Reason: "x"})
	if len(eventsOf[Outdated](fresh)) > 0 || !fresh.m.directive.known {
		t.Error("the first is outdated")
	}
}

// Who waits says what for, and whom it has no link with.
func TestWaitsFor(t *testing.T) {
	n := newGroup(t, 3).node("n1")
	n.direct(n.latest())
	if got := eventsOf[Waits](n); len(got) > 0 {
		t.Fatalf("%+v", got)
	}
	n.cut[2], n.lost[2] = true, errConnection // no link, and it is known why
	n.cut[3] = true                           // not known why
	n.lost[8], n.cut[8] = errConnection, true // no member
	d := n.latest()
	d.Reason, d.Joining = "the weather", []membership.Member{named(8)}
	n.direct(d)
	n.direct(d)
	got := eventsOf[Waits](n)
	if len(got) != 2 || got[0].Reason != "the weather" || len(got[1].Unlinked) != 1 || got[1].Unlinked[0].ID != "n2" || !errors.Is(got[1].Unlinked[0].Broken, errConnection) {
		t.Fatalf("%+v", got)
	}
	n.cut[2] = false // there is a link again
	d.Reason = "the clouds"
	n.direct(d)
	d.Reason = ""
	n.direct(d)
	n.direct(d)
	if got = eventsOf[Waits](n); len(got) != 4 || got[2].Reason != "the clouds" || len(got[2].Unlinked) > 0 || got[3].Reason != "" || got[3].Unlinked != nil {
		t.Fatalf("%+v", got)
	}
	n.cut[2] = true
	if n.m.waitsFor(""); len(eventsOf[Waits](n)) != 4 {
		t.Error("nothing is said twice")
	}
}

// Every committed view counts, the newest as the committed one, and then the attempt.
func TestViewsInOrder(t *testing.T) {
	g := newGroup(t, 0)
	n := g.add(named(1), &options{base: 100})
	settings := membership.DefaultSettings()
	settings.Heartbeat = 300 * time.Millisecond
	d := &membership.Directive{
		Group: testGroup, Generation: 1, Settings: settings, Revision: 5,
		Views: []membership.View{{ID: 3, FeatureLevel: 4, Members: []membership.Member{named(1), named(2)}}},
	}
	n.do(func(m *Member) { m.Start(d) })
	if got := eventsOf[Begins](n); len(got) != 1 || got[0].Position != 100 {
		t.Errorf("%+v", got)
	}
	got := eventsOf[Entered](n)
	if len(got) != 1 || got[0].View.ID != 3 || got[0].Rank != 0 || got[0].Position != 100 {
		t.Errorf("%+v", got)
	}
	if n.linkedInView {
		t.Error("it is in the view before it is linked with its members")
	}
	m := n.m
	if m.directive.committed.ID != 3 || m.heartbeat != 300*time.Millisecond || !m.reader.InView() || m.reader.FeatureLevel() != 4 || m.beat.entered != g.now {
		t.Errorf("%+v, %v", m.directive.committed, m.heartbeat)
	}
	next := *d
	next.Revision, next.Views = 6, nil
	next.Attempt = &membership.Attempt{View: membership.View{ID: 4, Prev: 3, Members: []membership.Member{named(1), named(2), named(9)}}, Leader: 2}
	n.took()
	n.direct(&next)
	if m.core.Attempt() != 4 || m.directive.attempt().ID != 4 || m.directive.committed.ID != 3 {
		t.Errorf("attempt %d", m.core.Attempt())
	}
	if did := n.took(); !slices.Contains(did, "send n2 FLUSH-STATE") {
		t.Errorf("the leader has no word: %q", did)
	}
	if who, ok := m.Named(9); !ok || who != named(9) {
		t.Errorf("%+v", who)
	}
	// An older view that is named again changes nothing.
	again := next
	again.Views = d.Views
	m.directive.committed.ID = 7
	n.direct(&again)
	if m.directive.committed.ID != 7 || len(eventsOf[Begins](n)) != 1 {
		t.Errorf("%+v", m.directive.committed)
	}
	next.Attempt = nil
	next.Revision++
	n.direct(&next)
	if m.directive.attempt().ID != 0 {
		t.Error("the attempt goes on")
	}
}

// Whom a node is linked with: the members of its view, of the newest, of the attempt,
// and the joiners; never itself. Whoever else was named is forgotten.
func TestLinkPeers(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	d := &n.m.directive
	d.members[2] = named(2)
	view := func(id uint64, members ...uint64) membership.View {
		v := membership.View{ID: id}
		for _, incarnation := range members {
			v.Members = append(v.Members, named(incarnation))
			d.members[incarnation] = named(incarnation)
		}
		return v
	}
	d.committed = view(1, 1, 3)
	d.latest.Attempt = &membership.Attempt{View: view(9, 1, 5, 4)}
	d.latest.Joining = view(0, 6).Members
	d.members[77] = named(77)
	n.m.linkPeers()
	var got []string
	for _, p := range n.peers {
		if p.Addr != p.ID+":1" || p.Incarnation != named(p.Incarnation).Incarnation {
			t.Errorf("%+v", p)
		}
		got = append(got, p.ID)
	}
	if want := []string{"n2", "n3", "n4", "n5", "n6"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if len(d.members) != 6 || d.members[77].ID != "" || d.members[1] != named(1) {
		t.Errorf("it remembers %v", d.members)
	}
}

// A link is bound by the newest view or attempt that has both its ends.
func TestLinksAreBound(t *testing.T) {
	n := newGroup(t, 2).node("n1") // both are in view 1
	d := &n.m.directive
	view := func(id uint64, members ...uint64) membership.View {
		v := membership.View{ID: id}
		for _, m := range members {
			v.Members = append(v.Members, named(m))
		}
		return v
	}
	for name, c := range map[string]struct {
		committed, attempt membership.View
		want               map[uint64]uint64
	}{
		"the view that it is in":                  {view(0), view(0), map[uint64]uint64{2: 1, 9: 0}},
		"a newer one is committed":                {view(3, 1, 2), view(0), map[uint64]uint64{2: 3, 9: 0}},
		"it does not have the other":              {view(3, 1, 3), view(0), map[uint64]uint64{2: 1, 3: 3, 9: 0}},
		"it does not have this node":              {view(3, 2, 3), view(0), map[uint64]uint64{2: 1, 3: 0, 9: 0}},
		"an attempt":                              {view(3, 1, 2), view(5, 1, 2, 9), map[uint64]uint64{2: 5, 9: 5}},
		"an attempt without the other":            {view(3, 1, 2), view(5, 1, 9), map[uint64]uint64{2: 3, 9: 5}},
		"an attempt without this node":            {view(3, 1, 2), view(5, 2, 9), map[uint64]uint64{2: 3, 9: 0}},
		"what is committed came after it":         {view(7, 1, 2), view(5, 1, 2), map[uint64]uint64{2: 7, 9: 0}},
		"what is committed is older than its own": {view(0, 1, 2, 3), view(0), map[uint64]uint64{2: 1, 3: 0, 9: 0}},
	} {
		d.committed, d.latest.Attempt = c.committed, nil
		if c.attempt.ID > 0 {
			d.latest.Attempt = &membership.Attempt{View: c.attempt}
		}
		d.latest.Joining = []membership.Member{named(9)}
		n.m.linkPeers()
		got := map[uint64]uint64{}
		for _, p := range n.peers {
			got[p.Incarnation] = p.Bound
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	// A joiner is in no view that is committed, and bound by the attempt that has it.
	_, j := observer(t)
	for bound, attempt := range map[uint64]*membership.Attempt{0: nil, 8: {View: view(8, j.self.Incarnation, 1)}} {
		j.m.directive.latest.Attempt, j.m.directive.committed = attempt, view(7, 1)
		j.m.linkPeers()
		if len(j.peers) != 1 || j.peers[0].Bound != bound {
			t.Errorf("joiner: %+v, want %d", j.peers, bound)
		}
	}
}

// The level of a view, of those that the registry has named last.
func TestLevelOf(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	d := &n.m.directive
	d.committed = membership.View{ID: 5, FeatureLevel: 50}
	d.latest.Attempt = &membership.Attempt{View: membership.View{ID: 6, FeatureLevel: 60}}
	d.latest.Views = []membership.View{{ID: 3, FeatureLevel: 30}, {ID: 4, FeatureLevel: 40}}
	for view, want := range map[uint64]uint32{2: lowestLevel, 3: 30, 4: 40, 5: 50, 6: 60, 7: lowestLevel} {
		if got := n.m.levelOf(view); got != want {
			t.Errorf("view %d: %d", view, got)
		}
	}
	d.latest.Attempt = nil
	if got := n.m.levelOf(6); got != lowestLevel {
		t.Errorf("without an attempt: %d", got)
	}
}

// What changes with a view.
func TestEntered(t *testing.T) {
	g := newGroup(t, 3)
	n := g.node("n2")
	n.write(session(), &client{})
	g.settle()
	n.m.beat.accused = map[uint64]bool{1: true}
	g.crash("n1")
	g.advance(5 * time.Second)
	got := eventsOf[Entered](n)
	if len(got) != 2 || got[1].Rank != 0 || fmt.Sprint(Names(got[1].View.Members)) != "[n2#2 n3#3]" || got[1].Position != 1 {
		t.Fatalf("%+v", got)
	}
	if !n.m.ordinal.first || n.m.beat.entered <= began || n.m.beat.accused != nil {
		t.Errorf("%+v", n.m.ordinal)
	}
	if len(n.peers) != 1 || n.peers[0] != (link.Peer{MemberID: g.node("n3").self, Addr: "n3:1", Bound: 2}) {
		t.Errorf("%+v", n.peers)
	}
	other := g.node("n3")
	if got := eventsOf[Entered](other); got[1].Rank != 1 || other.m.ordinal.first {
		t.Errorf("%+v", got)
	}
}

// What the flush brings is applied before the view that it ends is left.
func TestFlushIsAppliedFirst(t *testing.T) {
	g := newGroup(t, 3)
	g.open()
	n := g.node("n1")
	n.do(func(m *Member) { m.Deliveries(true) })
	g.hold("n3", "n1")
	g.hold("n3", "n2")
	n.write(g.set("k", "v"), &client{})
	g.settle()
	if n.value("k") == "v" {
		t.Fatal("it is delivered without n3")
	}
	g.crash("n3")
	n.took()
	g.advance(5 * time.Second)
	did := n.took()
	delivered, entered := -1, -1
	for i, what := range did {
		switch {
		case strings.HasPrefix(what, "deliver") && delivered < 0:
			delivered = i
		case what == "member.Entered":
			entered = i
		}
	}
	if delivered < 0 || entered < delivered || n.value("k") != "v" {
		t.Errorf("%q", did)
	}
}

// The view's feature level is that of the view that is entered, which may not be the
// newest one that is committed.
func TestLevelOfTheViewEntered(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.m.directive.committed = membership.View{ID: 6, FeatureLevel: 60}
	n.m.directive.latest.Views = []membership.View{{ID: 5, FeatureLevel: 50}}
	n.m.entered(isis.View{ID: 5, Members: []isis.MemberID{n.self}})
	if got := n.m.Reader().FeatureLevel(); got != 50 {
		t.Errorf("level %d", got)
	}
}

// Donors are told when the feature level rises, and only then.
func TestFeatureLevelRises(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.m.reader.inView.Store(false)
	n.took()
	for i, level := range []uint32{3, 3, 4, 4, 2, 3} {
		id := uint64(i + 7)
		n.m.directive.committed = membership.View{ID: id, FeatureLevel: level}
		n.m.entered(isis.View{ID: id, Members: []isis.MemberID{n.self}})
	}
	got := eventsOf[Entered](n)
	got = got[len(got)-6:]
	for i, want := range []bool{false, false, true, false, false, true} {
		if got[i].Rises != want {
			t.Errorf("view %d: rises %v", got[i].View.ID, got[i].Rises)
		}
	}
}

// The leader of an attempt is known by its name, also if nothing but the attempt names it.
func TestLeaderOfAnAttempt(t *testing.T) {
	g := newGroup(t, 1)
	n := g.node("n1")
	d := n.latest()
	d.Attempt = &membership.Attempt{View: membership.View{ID: 2, Prev: 1, Members: []membership.Member{named(1), named(8)}}, Leader: 8}
	n.took()
	n.direct(d)
	if did := n.took(); !slices.ContainsFunc(did, func(what string) bool { return strings.HasPrefix(what, "send n8 ") }) {
		t.Errorf("%q", did)
	}
}

func TestToView(t *testing.T) {
	v := toView(&membership.View{ID: 3, Prev: 2, FeatureLevel: 7, Members: []membership.Member{named(1), named(4)}})
	want := isis.View{ID: 3, Prev: 2, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}, {ID: "n4", Incarnation: 4}}}
	if fmt.Sprint(v) != fmt.Sprint(want) {
		t.Errorf("%+v", v)
	}
}

// Who is not in the new view is let go as soon as it is entered.
func TestLinksOfTheNewView(t *testing.T) {
	g := newGroup(t, 2)
	n := g.node("n1")
	g.away = true
	alone := membership.View{ID: 2, Prev: 1, Members: []membership.Member{named(1)}}
	d := n.latest()
	d.Attempt = &membership.Attempt{View: alone, Leader: 1}
	n.direct(d)
	if n.m.core.Installed() != 2 || len(n.peers) != 1 {
		t.Fatalf("installed %d, peers %+v", n.m.core.Installed(), n.peers)
	}
	d = n.latest()
	d.Attempt, d.Views = nil, []membership.View{alone}
	n.direct(d)
	if n.m.core.View().ID != 2 || len(n.peers) > 0 {
		t.Errorf("view %d, peers %+v", n.m.core.View().ID, n.peers)
	}
}

// The newest view that was committed is it, in whatever order a joiner hears of them.
func TestCommitted(t *testing.T) {
	_, n := observer(t)
	d := membership.Directive{Group: testGroup, Generation: 1, Settings: membership.DefaultSettings(), Reason: "x"}
	for _, id := range []uint64{5, 4, 6} {
		d.Revision++
		d.Views = []membership.View{{ID: id, Prev: 1, Members: []membership.Member{named(1)}}}
		n.m.Directed(&d)
		if want := max(id, 5); n.m.directive.committed.ID != want {
			t.Errorf("view %d is committed, want %d", n.m.directive.committed.ID, want)
		}
	}
}
