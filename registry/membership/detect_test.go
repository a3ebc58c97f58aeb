package membership

import (
	"testing"
	"time"
)

// TestWedgedOwesNothing holds that a member which an attempt passes over is not
// heard about the silence of those that are wedged for it: they owe it no answers
// any more, and it does not hear of the attempt.
func TestWedgedOwesNothing(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
		s.run(time.Second)
	}
	g := s.g
	base := g.committed()
	if len(base.Members) != 3 {
		t.Fatalf("view %v", base)
	}
	passed, wedged := base.Members[0], base.Members[1]
	g.nodes[passed.Incarnation].report.Peers = []Peer{{Incarnation: wedged.Incarnation, Silent: g.state.Settings.Detection}}
	links := func() int { return len(g.cutLinks(base.Members, nil, g.state.Settings.Detection)) }
	if links() != 1 {
		t.Fatal("without an attempt the report does not count")
	}
	g.state.Attempt = &Attempt{View: View{ID: g.state.NextView, Prev: base.ID, Members: base.Members[1:]}, Leader: wedged.Incarnation}
	if links() != 1 {
		t.Error("the report about a member that is not wedged does not count")
	}
	g.nodes[wedged.Incarnation].report.Wedged = g.state.Attempt.View.ID
	if links() != 0 {
		t.Error("a member that is passed over accuses one that is wedged")
	}
}

// A deaf member's links reach the detection time one after another. It is the one
// to go all the same, not the junior end of the first.
func TestDeafMemberGoes(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3", "n4"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(2 * time.Second)
	g := s.g
	members := g.committed().Members
	if len(members) != 4 {
		t.Fatalf("view %v", members)
	}
	detection := g.state.Settings.Detection
	deaf := g.nodes[members[0].Incarnation]
	deaf.report.Peers = nil
	for _, m := range members[1:] {
		deaf.report.Peers = append(deaf.report.Peers, Peer{Incarnation: m.Incarnation, Silent: detection - 5*time.Millisecond})
	}
	deaf.report.Peers[2].Silent = detection
	out := make(map[uint64]string)
	g.suspectCutLinks(members, out)
	if _, ok := out[members[0].Incarnation]; !ok || len(out) != 1 {
		t.Errorf("suspected are %v, the deaf one is %s", out, members[0])
	}
}

// What two nodes did not hear of each other as joiners does not count. It does between a
// joiner and a member, who had to be linked for the join.
func TestJoinersOweNoLink(t *testing.T) {
	s := newSim(Settings{})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
		if id == "n1" {
			s.run(time.Second)
		}
	}
	s.run(2 * time.Second)
	g := s.g
	members := g.committed().Members
	if len(members) != 3 {
		t.Fatalf("view %v", members)
	}
	first, second, third := g.nodes[members[0].Incarnation], g.nodes[members[1].Incarnation], g.nodes[members[2].Incarnation]
	if second.joined <= first.joined || second.joined != third.joined {
		t.Fatalf("they joined at %v, %v and %v", first.joined, second.joined, third.joined)
	}
	detection := g.state.Settings.Detection
	for name, c := range map[string]struct {
		of, silent *node
		after      time.Duration // the commit, when it is reported
		want       int
	}{
		"at once, of two joiners":    {second, third, detection - 1, 0},
		"in time, of two joiners":    {third, second, detection, 1},
		"of a joiner and a member":   {second, first, 0, 1},
		"of a member and a joiner":   {first, third, 0, 1},
		"before the registry's time": {second, third, 0, 1},
	} {
		joined := second.joined
		if name == "before the registry's time" {
			second.joined, third.joined = 0, 0
		}
		for _, n := range []*node{first, second, third} {
			n.report.Peers = nil
		}
		c.of.reportAt = joined + c.after
		c.of.report.Peers = []Peer{{Incarnation: c.silent.member.Incarnation, Silent: 10 * detection}}
		if n := len(g.cutLinks(members, nil, detection)); n != c.want {
			t.Errorf("%s: %d links are cut, want %d", name, n, c.want)
		}
		second.joined, third.joined = joined, joined
	}
}

// A report that waited while the registry was held up is so old. It is no sign of life of one
// whose successor registered meanwhile.
func TestOldReportIsNoSignOfLife(t *testing.T) {
	s := newSim(Settings{MinMembers: 3})
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := s.register(Registration{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	s.run(time.Second)
	witness, dead := s.node("n1"), s.node("n2")
	dead.dead = true
	s.run(s.saved.Settings.Detection + s.saved.Settings.Heartbeat)
	successor, err := s.register(Registration{ID: "n2"})
	if err != nil {
		t.Fatal(err)
	}
	registered := s.now
	const held = 3 * time.Second
	reports := func(silent time.Duration) {
		s.beat(witness, Report{View: witness.view, Peers: []Peer{{Incarnation: dead.inc, Silent: silent}}})
	}
	s.now += held
	reports(held - 100*time.Millisecond) // as it was sent when the registry was held up
	if s.g.nodes[successor.inc] == nil {
		t.Fatal("an old report costs the successor its place")
	}
	s.now += 100 * time.Millisecond
	reports(0)
	if s.now-held <= registered || s.g.nodes[successor.inc] != nil {
		t.Error("one that is alive has a successor")
	}
}
