package isis

import (
	"errors"
	"slices"
	"testing"
)

var (
	alice = MemberID{ID: "alice", Incarnation: 1}
	bob   = MemberID{ID: "bob", Incarnation: 2}
	carol = MemberID{ID: "carol", Incarnation: 3}
)

// inView returns a node in view 1 of the members.
func inView(t *testing.T, cfg Config, members ...MemberID) *Node {
	t.Helper()
	cfg.Self = members[0]
	n := New(cfg)
	if err := n.Commit(View{ID: 1, Members: members}); err != nil {
		t.Fatal(err)
	}
	n.Ready()
	return n
}

func TestRank(t *testing.T) {
	v := View{Members: []MemberID{bob, alice}}
	for m, want := range map[MemberID]int{bob: 0, alice: 1, carol: -1, {ID: "alice", Incarnation: 9}: -1, {ID: "carol", Incarnation: 1}: -1} {
		if got := v.Rank(m); got != want {
			t.Errorf("rank of %v is %d, want %d", m, got, want)
		}
	}
	n := New(Config{Self: alice})
	if n.Rank() != -1 || n.Phase() != Observing || n.View().ID != 0 || !n.Idle() {
		t.Errorf("a new node: rank %d, %s, view %d, idle %v", n.Rank(), n.Phase(), n.View().ID, n.Idle())
	}
	if err := n.Commit(View{ID: 1, Members: []MemberID{bob, alice}}); err != nil || n.Rank() != 1 {
		t.Errorf("rank %d, %v", n.Rank(), err)
	}
}

// TestUnanswered holds that a member that owes a PROPOSAL is named, and nobody
// while the view is flushed.
func TestUnanswered(t *testing.T) {
	n := inView(t, Config{}, alice, bob, carol)
	if seq, who := n.Unanswered(nil); seq != 0 || len(who) > 0 {
		t.Errorf("nothing sent: %d, %v", seq, who)
	}
	n.Submit([]byte("a"))
	n.Ready()
	n.Submit([]byte("b"))
	n.Ready()
	if err := n.Step(bob, &Message{Kind: KindProposal, View: 1, Seq: 1, Priority: 1}); err != nil {
		t.Fatal(err)
	}
	if seq, who := n.Unanswered([]MemberID{alice}); seq != 1 || !slices.Equal(who, []MemberID{alice, carol}) {
		t.Errorf("bob has answered: %d, %v", seq, who)
	}
	if !n.Wedge(Attempt{View: View{ID: 2, Prev: 1, Members: []MemberID{alice, bob}}, Leader: alice}) {
		t.Fatal("not wedged")
	}
	if seq, who := n.Unanswered(nil); seq != 0 || len(who) > 0 {
		t.Errorf("wedged: %d, %v", seq, who)
	}
}

// TestMaxFuture holds that what is kept for later is bounded.
func TestMaxFuture(t *testing.T) {
	n := inView(t, Config{MaxFuture: 2}, alice, bob)
	m := &Message{Kind: KindFlushState, View: 5, State: &FlushState{}}
	for range 2 {
		if err := n.Step(bob, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Step(bob, m); !errors.Is(err, ErrProtocol) {
		t.Errorf("a third one: %v", err)
	}
}

// TestKeepCopies holds that counters which are kept for later are the caller's to
// write on in at once.
func TestKeepCopies(t *testing.T) {
	n := New(Config{Self: alice})
	m := &Message{Kind: KindAck, View: 1, Acks: []uint64{0, 0}}
	if err := n.Step(bob, m); err != nil {
		t.Fatal(err)
	}
	m.Acks[0] = 9
	if err := n.Commit(View{ID: 1, Members: []MemberID{alice, bob}}); err != nil {
		t.Fatal(err)
	}
	if ready := n.Ready(); len(ready.Rejected) > 0 {
		t.Error(ready.Rejected)
	}
}

// TestMaxPending holds that submissions are refused above the bound, and taken
// again below it, and that the caller keeps its bytes.
func TestMaxPending(t *testing.T) {
	n := inView(t, Config{MaxPendingBytes: 4, Window: 1}, alice, bob)
	n.Submit([]byte("0"))
	n.Ready()
	command := []byte("abc")
	if !n.Submit(command) || n.Submit([]byte("de")) || n.Pending() != 1 {
		t.Fatalf("%d pending", n.Pending())
	}
	command[0] = 'x'
	if err := n.Step(bob, &Message{Kind: KindProposal, View: 1, Seq: 1, Priority: 1}); err != nil {
		t.Fatal(err)
	}
	ready := n.Ready()
	if last := ready.Messages[len(ready.Messages)-1]; string(last.Payload) != "abc" {
		t.Errorf("sent %q", last.Payload)
	}
	if !n.Submit([]byte("de")) {
		t.Error("still refused")
	}
}

// TestCommitOtherMembers holds that an attempt's id alone does not make a commit:
// a registry that repeats ids must not make members enter different views.
func TestCommitOtherMembers(t *testing.T) {
	n := inView(t, Config{}, alice, bob)
	if !n.Wedge(Attempt{View: View{ID: 2, Prev: 1, Members: []MemberID{alice}}, Leader: alice}) {
		t.Fatal("not wedged")
	}
	for _, v := range []View{
		{ID: 2, Prev: 1, Members: []MemberID{alice, carol}},
		{ID: 2, Prev: 3, Members: []MemberID{alice}},
	} {
		if err := n.Commit(v); !errors.Is(err, ErrMissedView) || n.Phase() != Wedged {
			t.Errorf("%+v: %v, %s", v, err, n.Phase())
		}
	}
}

// TestFirstViewFromNothing holds that a state of another generation does not get
// into a first view.
func TestFirstViewFromNothing(t *testing.T) {
	n := New(Config{Self: alice})
	n.Observe(7, bob)
	if err := n.Commit(View{ID: 9, Members: []MemberID{alice}}); !errors.Is(err, ErrMissedView) {
		t.Errorf("entered with position 7: %v", err)
	}
}

// TestReadyBuffers holds that a result stays as it is until the next Ready,
// whatever is stepped meanwhile, but for the counters of ACKs.
func TestReadyBuffers(t *testing.T) {
	n := inView(t, Config{}, alice, bob)
	n.Submit([]byte("a"))
	ready := n.Ready()
	first := ready.Messages[0]
	if err := n.Step(bob, &Message{Kind: KindPropose, View: 1, Seq: 1, Priority: 1, Count: 1, Payload: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if len(ready.Messages) != 1 || ready.Messages[0].Seq != first.Seq || string(ready.Messages[0].Payload) != "a" {
		t.Errorf("the result has changed to %+v", ready.Messages)
	}
	if next := n.Ready(); len(next.Messages) != 1 || next.Messages[0].Kind != KindProposal {
		t.Errorf("next: %+v", next.Messages)
	}
}

func TestNames(t *testing.T) {
	if got := Kind(0).String() + " " + KindCommit.String() + " " + Kind(200).String(); got != "? COMMIT ?" {
		t.Error(got)
	}
	if got := Observing.String() + " " + Excluded.String(); got != "observing excluded" {
		t.Error(got)
	}
}
