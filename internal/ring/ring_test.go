package ring

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A ring is a slice from which the oldest items have been cut off.
func TestAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Ring[int]
		var all []int // by number
		first := 0
		check := func() {
			if r.Len() != len(all)-first || r.First() != uint64(first) || r.Next() != uint64(len(all)) {
				t.Fatalf("%d items, from %d up to %d; want %d to %d", r.Len(), r.First(), r.Next(), first, len(all))
			}
			for n := max(0, first-1); n <= len(all); n++ {
				has := n >= first && n < len(all)
				if r.Has(uint64(n)) != has || has && *r.At(uint64(n)) != all[n] {
					t.Fatalf("item %d is there: %v", n, !has)
				}
			}
			if r.Len() > 0 && *r.Front() != all[first] {
				t.Fatalf("%d is first, want %d", *r.Front(), all[first])
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"push": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 3, 64, 65}).Draw(t, "count") {
					if n := r.Push(len(all) * 7); n != uint64(len(all)) {
						t.Fatalf("item %d has number %d", len(all), n)
					}
					all = append(all, len(all)*7)
				}
			},
			"pop": func(t *rapid.T) {
				for range min(rapid.SampledFrom([]int{1, 3, 64, 65}).Draw(t, "count"), len(all)-first) {
					if got := r.Pop(); got != all[first] {
						t.Fatalf("%d comes out, want %d", got, all[first])
					}
					first++
				}
			},
			"change": func(t *rapid.T) {
				if r.Len() > 0 {
					n := rapid.IntRange(first, len(all)-1).Draw(t, "item")
					*r.At(uint64(n)), all[n] = -n, -n
				}
			},
			"shrink": func(*rapid.T) { r.Shrink() },
		})
	})
}

// The ring doubles when it is full and not before, keeps nothing that was taken out, and
// gives its memory back where it is asked to while it is empty.
func TestMemory(t *testing.T) {
	var r Ring[*int]
	push := func(n int) {
		for range n {
			r.Push(new(int))
		}
	}
	push(smallest)
	r.Pop()
	push(1)
	if len(r.items) != 64 {
		t.Errorf("64 items take %d places", len(r.items))
	}
	if push(1); len(r.items) != 128 {
		t.Errorf("65 items take %d places", len(r.items))
	}
	for r.Len() > 0 {
		r.Shrink()
		r.Pop()
	}
	if len(r.items) != 128 || slices.ContainsFunc(r.items, func(p *int) bool { return p != nil }) {
		t.Errorf("%d places, and what was taken out is kept", len(r.items))
	}
	if r.Shrink(); r.items != nil {
		t.Errorf("an empty queue keeps %d places", len(r.items))
	}
	push(1)
	r.Pop()
	if r.Shrink(); len(r.items) != smallest {
		t.Errorf("a small queue keeps %d places", len(r.items))
	}
}
