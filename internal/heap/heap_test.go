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

// task knows where it is in its heap.
type task struct {
	job
	index int
}

// TestHeapFixAndRemove holds a heap whose values change and go against a slice.
func TestHeapFixAndRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := heap.Heap[*task]{
			Before: func(a, b *task) bool { return compare(a.job, b.job) < 0 },
			Moved:  func(v *task, index int) { v.index = index },
		}
		var model []*task
		first := func(a, b *task) int { return compare(a.job, b.job) }
		for number := range rapid.IntRange(0, 100).Draw(t, "steps") {
			at := rapid.IntRange(0, 9).Draw(t, "at")
			what := rapid.IntRange(0, 4).Draw(t, "what")
			if len(model) == 0 || what < 3 {
				v := &task{job: job{at, number}}
				h.Push(v)
				model = append(model, v)
			} else {
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				if v := model[i]; what == 3 {
					v.at = at
					h.Fix(v.index)
				} else {
					if got := h.Remove(v.index); got != v {
						t.Fatalf("removed %v, want %v", got, v)
					}
					model = slices.Delete(model, i, i+1)
				}
			}
			for i, v := range h.All() {
				if v.index != i {
					t.Fatalf("%v is at %d", v, i)
				}
			}
			if h.Len() != len(model) || h.Len() > 0 && h.First() != slices.MinFunc(model, first) {
				t.Fatalf("%d values, want %d, or another is first", h.Len(), len(model))
			}
		}
		for h.Len() > 0 {
			least := slices.MinFunc(model, first)
			if got := h.Pop(); got != least {
				t.Fatalf("took %v, want %v", got, least)
			}
			model = slices.DeleteFunc(model, func(v *task) bool { return v == least })
		}
	})
}
