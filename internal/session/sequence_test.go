package session

import (
	"testing"

	"pgregory.net/rapid"
)

// The sequence against a set of the numbers that are waited for.
func TestSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sequence
		var open []uint64
		next := uint64(1)
		for range rapid.IntRange(0, 500).Draw(t, "steps") {
			if len(open) == 0 || rapid.IntRange(0, 2).Draw(t, "begin") > 0 {
				if n := s.Begin(); n != next {
					t.Fatalf("number %d, want %d", n, next)
				}
				open = append(open, next)
				next++
			} else {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "end")
				s.End(open[i])
				open = append(open[:i], open[i+1:]...)
			}
			want := next
			if len(open) > 0 {
				want = open[0]
			}
			if floor := s.Floor(); floor != want || s.Waited() != (len(open) > 0) {
				t.Fatalf("floor %d, want %d; waited %v with %d", floor, want, s.Waited(), len(open))
			}
		}
	})
}
