package membership

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// oracle remembers all that nodes were ever told, over restarts of the
// registry, and finds contradictions.
type oracle struct {
	t            *rapid.T
	s            *sim
	proposals    map[uint64]View   // attempts and committed views by id
	leaders      map[uint64]uint64 // by attempt
	successors   map[[2]uint64]uint64
	incarnations map[uint64]string
	revision     uint64
	nonce        uint64
	generation   uint64
}

func newOracle(t *rapid.T, s *sim) *oracle {
	return &oracle{
		t: t, s: s,
		proposals:    make(map[uint64]View),
		leaders:      make(map[uint64]uint64),
		successors:   make(map[[2]uint64]uint64),
		incarnations: make(map[uint64]string),
	}
}

// told checks one directive against everything before it, and against what is
// saved.
func (o *oracle) told(n *simNode, d Directive) {
	o.heard(d)
	committed, _ := o.s.saved.Committed()
	if len(d.Views) > 1 {
		o.t.Fatalf("%s was told of %d views", n.id, len(d.Views))
	}
	for _, v := range d.Views {
		if v.ID > committed.ID {
			o.t.Fatalf("%s was told of view %d before it was saved", n.id, v.ID)
		}
		if n.view != 0 && n.gen == d.Generation && v.ID > n.view && v.Has(n.inc) && v.Prev != n.view {
			o.t.Fatalf("%s is in view %d, and was told of view %d after %d, which it cannot enter", n.id, n.view, v.ID, v.Prev)
		}
	}
	if d.Attempt == nil {
		return
	}
	if diff := cmp.Diff(o.s.saved.Attempt, d.Attempt); diff != "" {
		o.t.Fatalf("%s was told of an attempt that is not the saved one:\n%s", n.id, diff)
	}
	o.attempted(*d.Attempt, committed)
}

// heard checks one directive by what nodes know alone: all that they were told
// before.
func (o *oracle) heard(d Directive) {
	if d.Revision < o.revision {
		o.t.Fatalf("revision %d after %d", d.Revision, o.revision)
	}
	o.revision = d.Revision
	if d.Generation < o.generation {
		o.t.Fatalf("generation %d after %d", d.Generation, o.generation)
	}
	o.generation = d.Generation
	for generation, last := range o.s.positions {
		if generation < d.Generation && last > d.Base {
			o.t.Fatalf("generation %d begins at position %d, and generation %d has come to %d", d.Generation, d.Base, generation, last)
		}
	}
	for _, v := range d.Views {
		o.proposed(v)
		o.committed(d.Generation, v)
	}
	if d.Attempt != nil {
		o.proposed(d.Attempt.View)
	}
}

// proposed holds that an id stands for one list of members for ever.
func (o *oracle) proposed(v View) {
	if before, ok := o.proposals[v.ID]; ok {
		if diff := cmp.Diff(before, v); diff != "" {
			o.t.Fatalf("two views with id %d:\n%s", v.ID, diff)
		}
		return
	}
	o.proposals[v.ID] = v
	ids := make(map[string]bool)
	for _, m := range v.Members {
		if ids[m.ID] {
			o.t.Fatalf("view %d has %s twice", v.ID, m.ID)
		}
		ids[m.ID] = true
	}
}

// committed holds that views form one chain: a view has one successor.
func (o *oracle) committed(generation uint64, v View) {
	link := [2]uint64{generation, v.Prev}
	if next, ok := o.successors[link]; ok && next != v.ID {
		o.t.Fatalf("generation %d: views %d and %d both follow %d", generation, next, v.ID, v.Prev)
	}
	o.successors[link] = v.ID
}

// attempted holds that an attempt starts from the committed view, is led by a
// survivor, and keeps the order of ranks.
func (o *oracle) attempted(a Attempt, base View) {
	if leader, ok := o.leaders[a.View.ID]; ok && leader != a.Leader {
		o.t.Fatalf("attempt %d has two leaders", a.View.ID)
	}
	o.leaders[a.View.ID] = a.Leader
	if a.View.Prev != base.ID || a.View.ID <= base.ID {
		o.t.Fatalf("attempt %d after %d while view %d is committed", a.View.ID, a.View.Prev, base.ID)
	}
	if !base.Has(a.Leader) || !a.View.Has(a.Leader) {
		o.t.Fatalf("attempt %d is led by %d, no survivor", a.View.ID, a.Leader)
	}
	order := func(m Member) int {
		if rank := base.rank(m.Incarnation); rank >= 0 {
			return rank
		}
		return MaxNodes + int(m.Incarnation)
	}
	if !slices.IsSortedFunc(a.View.Members, func(x, y Member) int { return order(x) - order(y) }) {
		o.t.Fatalf("attempt %d does not keep the order of view %d: %v", a.View.ID, base.ID, a.View.Members)
	}
}

func (o *oracle) registered(n *simNode) {
	if id, ok := o.incarnations[n.inc]; ok {
		o.t.Fatalf("incarnation %d was given to %s and to %s", n.inc, id, n.id)
	}
	o.incarnations[n.inc] = n.id
}

// TestModel lets nodes and links fail at random, and the registry crash before
// or after any save, and checks all that nodes are ever told. In the end all
// faults are healed, and the group must become whole again.
func TestModel(t *testing.T) {
	rapid.Check(t, model)
}

func model(t *rapid.T) { faults(t, (*oracle).told).heal() }

// faults is the model up to the end of all faults. It shows watch what nodes
// are told.
func faults(t *rapid.T, watch func(*oracle, *simNode, Directive)) *oracle {
	settings := Settings{MinMembers: rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "min")}
	if rapid.Bool().Draw(t, "agreed") {
		settings.Delivery = Agreed
	}
	s := newSim(settings)
	s.pace = 50 * time.Millisecond
	o := newOracle(t, s)
	s.watch = func(n *simNode, d Directive) { watch(o, n, d) }
	steps := rapid.IntRange(5, 60).Draw(t, "steps")
	for range steps {
		o.act()
		if err := s.saved.Validate(); err != nil {
			t.Fatalf("saved state: %v", err)
		}
	}
	return o
}

func (o *oracle) act() {
	t, s := o.t, o.s
	id := func(label string) string { return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, label) }
	n := s.node(id("node"))
	switch action := rapid.IntRange(0, 16).Draw(t, "action"); action {
	case 0, 1, 2:
		o.register(id("newcomer"))
	case 3, 4, 5, 6:
		s.run(time.Duration(rapid.IntRange(1, 80).Draw(t, "time")) * s.pace)
	case 7:
		second := id("second")
		cut := rapid.Bool().Draw(t, "cut")
		first := id("first")
		s.cuts[[2]string{first, second}] = cut
	case 8:
		s.restart()
	case 9:
		s.crash = true
	case 10:
		if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
			if _, err := s.g.NewGeneration(s.now, true); err != nil {
				t.Fatal(err)
			}
			s.settle()
		}
	default:
		if n != nil {
			o.trouble(n, action)
		}
	}
}

func (o *oracle) register(id string) {
	old := o.s.node(id)
	o.nonce++
	r := Registration{ID: id, Nonce: o.nonce}
	if old != nil && old.dead {
		if rapid.Bool().Draw(o.t, "proof") {
			r.ProvedDead = old.inc
		}
	} else if old != nil && !old.excluded && !old.refused && !old.mute {
		// A second run comes beside one that the registry does not hear, at most.
		if rapid.Bool().Draw(o.t, "copy") {
			o.copied(old, r)
		}
		return
	}
	n, err := o.s.prove(r)
	if errors.Is(err, errCrashed) {
		n, err = o.s.prove(r)
	}
	if err == nil {
		o.registered(n)
		n.loading = rapid.IntRange(0, 3).Draw(o.t, "loading") == 0
	}
}

// copied starts a copy of a node that is heard, which has the same to prove: nobody
// believes it, however often it asks.
func (o *oracle) copied(old *simNode, r Registration) {
	r.ProvedDead = old.inc
	for range 3 {
		if !old.reaches() || o.s.g.nodes[old.inc] == nil {
			return
		}
		if _, err := o.s.register(r); err == nil {
			o.t.Fatalf("%s#%d is heard, and is believed to be dead\n%s", old.id, old.inc, o.s.out.String())
		}
		o.s.run(o.s.saved.Settings.proofSilence())
	}
}

func (o *oracle) trouble(n *simNode, action int) {
	t, s := o.t, o.s
	switch action {
	case 11:
		n.dead = true
	case 12:
		n.mute = rapid.Bool().Draw(t, "mute")
	case 13:
		n.stalled = rapid.Bool().Draw(t, "stalled")
		n.loading = false
	case 14:
		// A refusal is one of the outcomes.
		_ = s.g.Leave(s.now, n.from(), rapid.IntRange(0, 5).Draw(t, "force") == 0, "")
		s.settle()
	case 15:
		if n.reaches() && (s.saved.Attempt == nil || s.saved.Attempt.Leader != n.inc) {
			s.beat(n, Report{
				View: n.view, Wedged: n.wedged, Installed: rapid.Uint64Range(0, 40).Draw(t, "claim"),
				Peers: []Peer{{Incarnation: n.inc, Silent: time.Hour}, {Incarnation: 999, Silent: time.Hour}},
			})
		}
	case 16:
		n.dead = true
		_ = s.g.Stopped(s.now, n.from(), rapid.Bool().Draw(t, "force")) // refused if it has gone for another reason, or is of another group
		s.settle()
	}
}

// heal ends all faults. If a member of the committed view lives, the living
// must end up in one view, without the dead.
func (o *oracle) heal() {
	s := o.s
	s.crash = false
	clear(s.cuts)
	for _, n := range s.nodes {
		n.mute, n.stalled, n.loading = false, false, false
	}
	s.run(time.Second)
	view, _ := s.saved.Committed()
	alive := slices.ContainsFunc(s.nodes, func(n *simNode) bool { return n.reaches() && view.Has(n.inc) })
	if !alive || s.saved.MinReached && s.saved.Settings.MinMembers > 1 {
		return
	}
	s.run(90 * time.Second)
	view, _ = s.saved.Committed()
	if s.saved.Attempt != nil {
		o.t.Fatalf("an attempt has not ended: %v\n%s", s.saved.Attempt, s.out.String())
	}
	for _, n := range s.nodes {
		if n.reaches() != view.Has(n.inc) {
			o.t.Fatalf("%s#%d: lives %v, in %s\n%s", n.id, n.inc, n.reaches(), s.members(), s.out.String())
		}
	}
}

// TestDirectiveNeedsSave holds the rule that nothing unsaved is told.
func TestDirectiveNeedsSave(t *testing.T) {
	s := newSim(Settings{})
	n, err := s.register(Registration{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.g.Register(s.now, Registration{ID: "b", PeerAddr: "b:1", ClientAddr: "b:1", FeatureLevel: BaseLevel}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if got := fmt.Sprint(recover()); got != "membership: Directive called before the state was saved" {
			t.Errorf("recovered %q", got)
		}
	}()
	_, err = s.g.Directive(n.from(), 0)
	t.Errorf("Directive answered (error %v) while a registration was unsaved", err)
}
