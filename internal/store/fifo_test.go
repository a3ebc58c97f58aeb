package store

import (
	"testing"

	"pgregory.net/rapid"
)

func TestFifoAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo[int]
		var oracle []int
		next := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := rapid.IntRange(0, 100).Draw(t, "n")
			if rapid.Bool().Draw(t, "push") {
				for range n {
					next++
					q.push(next)
					oracle = append(oracle, next)
				}
				continue
			}
			for range min(n, len(oracle)) {
				if got := q.front(); got != oracle[0] {
					t.Fatalf("front %d, want %d", got, oracle[0])
				}
				q.pop()
				oracle = oracle[1:]
			}
			if q.len() != len(oracle) {
				t.Fatalf("length %d, want %d", q.len(), len(oracle))
			}
			if q.len() == 0 && len(q.ring) > smallestRing {
				t.Fatalf("an empty queue keeps %d slots", len(q.ring))
			}
		}
	})
}
