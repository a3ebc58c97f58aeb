package isis

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHoldback holds the hold-back queue against an oracle that sorts everything
// each time.
func TestHoldback(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q holdback
		var oracle []*entry
		check := func(t *rapid.T) {
			slices.SortFunc(oracle, compareEntries)
			if q.len() != len(oracle) {
				t.Fatalf("%d entries, want %d", q.len(), len(oracle))
			}
			switch head := q.head(); {
			case len(oracle) == 0 && head != nil:
				t.Fatalf("an empty queue has the head %+v", *head)
			case len(oracle) > 0 && head != oracle[0]:
				t.Fatalf("head %+v, want %+v", *head, *oracle[0])
			}
		}
		clock := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				clock += rapid.Uint64Range(0, 3).Draw(t, "clock")
				e := &entry{priority: clock, tie: freeTie(t, oracle, clock)}
				q.push(e)
				oracle = append(oracle, e)
			},
			"raise": func(t *rapid.T) {
				if len(oracle) == 0 {
					t.Skip("empty")
				}
				e := rapid.SampledFrom(oracle).Draw(t, "entry")
				priority := e.priority + rapid.Uint64Range(0, 5).Draw(t, "by")
				if slices.ContainsFunc(oracle, func(o *entry) bool { return o != e && o.priority == priority && o.tie == e.tie }) {
					t.Skip("no two messages of a sender have the same priority")
				}
				e.priority = priority
				q.raise(e)
			},
			"deliver": func(t *rapid.T) {
				if len(oracle) == 0 {
					t.Skip("empty")
				}
				q.remove(q.head())
				oracle = oracle[1:]
			},
			"clear": func(*rapid.T) {
				q.clear()
				oracle = nil
			},
			"": check,
		})
	})
}

func compareEntries(a, b *entry) int {
	if a.priority < b.priority || a.priority == b.priority && a.tie < b.tie {
		return -1
	}
	return 1
}

// freeTie draws a sender that has no message with that priority.
func freeTie(t *rapid.T, entries []*entry, priority uint64) uint32 {
	tie := rapid.Uint32Range(0, 6).Draw(t, "tie")
	for slices.ContainsFunc(entries, func(e *entry) bool { return e.priority == priority && e.tie == tie }) {
		tie++
	}
	return tie
}
