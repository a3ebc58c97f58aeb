package heap_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/heap"
)

// job is compared by both of its fields, so that the order is total.
type job struct{ at, number int }

func compare(a, b job) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number))
}

// TestHeap holds a heap against a slice that is sorted each time.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := heap.Heap[job]{Before: func(a, b job) bool { return compare(a, b) < 0 }}
		var model []job
		for number := range rapid.IntRange(0, 100).Draw(t, "steps") {
			if len(model) == 0 || rapid.IntRange(0, 2).Draw(t, "what") > 0 {
				j := job{rapid.IntRange(0, 9).Draw(t, "at"), number}
				h.Push(j)
				model = append(model, j)
				slices.SortFunc(model, compare)
			} else {
				if got := h.First(); got != model[0] {
					t.Fatalf("first is %v, want %v", got, model[0])
				}
				if got := h.Pop(); got != model[0] {
					t.Fatalf("took %v, want %v", got, model[0])
				}
				model = model[1:]
			}
			if all := slices.SortedFunc(slices.Values(h.All()), compare); h.Len() != len(model) || !slices.Equal(all, model) {
				t.Fatalf("%d values %v, want %v", h.Len(), all, model)
			}
		}
	})
}

// TestHeapKeepsNothing looks behind the values, where one that was taken must not stay.
func TestHeapKeepsNothing(t *testing.T) {
	h := heap.Heap[*int]{Before: func(a, b *int) bool { return *a < *b }}
	for i := range 4 {
		h.Push(&i)
	}
	for h.Len() > 0 {
		h.Pop()
	}
	if all := h.All(); !slices.Equal(all[:4], make([]*int, 4)) {
		t.Errorf("%v stays", all[:4])
	}
}
