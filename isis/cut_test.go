package isis

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestCut holds computeCut against a dumb implementation, on states in any order
// with entries in any order.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, states := drawStates(t)
		cut, err := computeCut(states, members)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(dumbCut(states, members), cut); diff != "" {
			t.Fatalf("the cut differs from the dumb one (-want +got):\n%s", diff)
		}
		shuffled := make([]*FlushState, 0, len(states))
		for _, s := range rapid.Permutation(states).Draw(t, "states") {
			shuffled = append(shuffled, &FlushState{
				Position: s.Position, Clock: s.Clock, Entries: rapid.Permutation(s.Entries).Draw(t, "entries"),
			})
		}
		again, err := computeCut(shuffled, members)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(cut, again); diff != "" {
			t.Fatalf("another order of the states gives another cut:\n%s", diff)
		}
	})
}

// TestCutWithout holds that what is left out of a survivor's cut, and only that,
// is in its state or delivered there.
func TestCutWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, states := drawStates(t)
		cut, err := computeCut(states, members)
		if err != nil {
			t.Fatal(err)
		}
		s := rapid.SampledFrom(states).Draw(t, "survivor")
		lean := cut.without(s)
		position := cut.Base
		for i, e := range lean.Entries {
			holds := slices.ContainsFunc(s.Entries, func(o Entry) bool { return o.Sender == e.Sender && o.Seq == e.Seq })
			if left := holds || position < s.Position; e.Held != left || (e.Payload == nil) != left {
				t.Fatalf("entry %+v at %d for %+v", e, position, *s)
			}
			position += uint64(e.Count)
			e.Held, e.Payload = false, cut.Entries[i].Payload
			if diff := gocmp.Diff(cut.Entries[i], e); diff != "" {
				t.Fatalf("entry %d differs: %s", i, diff)
			}
		}
	})
}

func TestCutJoins(t *testing.T) {
	cut := &Cut{Base: 5, Entries: []Entry{{Count: 2}, {Count: 1}, {Count: 3}}}
	for position, want := range map[uint64]bool{4: false, 5: true, 6: false, 7: true, 8: true, 9: false, 11: true, 12: false} {
		if got := cut.joins(position); got != want {
			t.Errorf("joins(%d) is %v", position, got)
		}
	}
}

// TestCutRefuses holds that contradicting states are refused.
func TestCutRefuses(t *testing.T) {
	members := []MemberID{{ID: "a", Incarnation: 1}, {ID: "b", Incarnation: 2}}
	state := func(e Entry) *FlushState { return &FlushState{Entries: []Entry{e}} }
	good := Entry{Sender: 1, Seq: 1, Priority: 3, Final: true, Count: 1}
	for name, bad := range map[string]Entry{
		"other final": {Sender: 1, Seq: 1, Priority: 4, Final: true, Count: 1},
		"other count": {Sender: 1, Seq: 1, Priority: 3, Final: true, Count: 2},
		"empty":       {Sender: 1, Seq: 2, Priority: 4},
		"no member":   {Sender: 2, Seq: 2, Priority: 4, Count: 1},
	} {
		if _, err := computeCut([]*FlushState{state(good), state(bad)}, members); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// drawStates draws members and their flush states: any messages, whose finals,
// where known, agree.
func drawStates(t *rapid.T) ([]MemberID, []*FlushState) {
	ids := rapid.SliceOfNDistinct(rapid.StringMatching("[a-c]{1,2}"), 1, 5, rapid.ID[string]).Draw(t, "ids")
	members := make([]MemberID, 0, len(ids))
	for i, id := range ids {
		members = append(members, MemberID{ID: id, Incarnation: uint64(i + 1)})
	}
	states := make([]*FlushState, rapid.IntRange(1, len(ids)).Draw(t, "survivors"))
	for i := range states {
		s := &FlushState{
			Position: rapid.Uint64Range(0, 9).Draw(t, "position"),
			Clock:    rapid.Uint64Range(0, 40).Draw(t, "clock"),
		}
		for sender := range members {
			for seq := uint64(1); seq <= 4; seq++ {
				if !rapid.Bool().Draw(t, "has") {
					continue
				}
				e := Entry{
					Sender: uint32(sender), Seq: seq, Priority: rapid.Uint64Range(1, 30).Draw(t, "proposal"),
					Count: uint32(1 + seq%3), Payload: fmt.Appendf(nil, "%d/%d", sender, seq),
				}
				if rapid.Bool().Draw(t, "final") {
					e.Final, e.Priority = true, seq*8
				}
				s.Entries = append(s.Entries, e)
			}
		}
		states[i] = s
	}
	return members, states
}

// dumbCut looks for each possible message in every state.
func dumbCut(states []*FlushState, members []MemberID) *Cut {
	cut := &Cut{Base: ^uint64(0), Members: members}
	var unfinished []Entry
	for sender := range members {
		for seq := uint64(0); seq < 100; seq++ {
			var found []Entry
			for _, s := range states {
				for _, e := range s.Entries {
					if e.Sender == uint32(sender) && e.Seq == seq {
						found = append(found, e)
					}
				}
			}
			if len(found) == 0 {
				continue
			}
			if i := slices.IndexFunc(found, func(e Entry) bool { return e.Final }); i >= 0 {
				cut.Entries = append(cut.Entries, found[i])
			} else {
				unfinished = append(unfinished, found[0])
			}
		}
	}
	slices.SortStableFunc(cut.Entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(members[a.Sender].ID, members[b.Sender].ID))
	})
	for _, s := range states {
		cut.Base, cut.Clock = min(cut.Base, s.Position), max(cut.Clock, s.Clock)
		for _, e := range s.Entries {
			cut.Clock = max(cut.Clock, e.Priority)
		}
	}
	for _, e := range unfinished {
		cut.Clock++
		e.Priority, e.Final = cut.Clock, true
		cut.Entries = append(cut.Entries, e)
	}
	return cut
}
