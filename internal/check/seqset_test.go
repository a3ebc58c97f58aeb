package check

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSeqSet holds the set against a map.
func TestSeqSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s seqSet
		want := map[uint64]bool{}
		for _, n := range rapid.SliceOf(rapid.Uint64Range(1, 40)).Draw(t, "numbers") {
			s.add(n)
			want[n] = true
		}
		for n := range uint64(42) {
			if s.has(n) != want[n] {
				t.Errorf("has(%d) is %v", n, s.has(n))
			}
		}
		for i := 1; i < len(s.runs); i++ {
			if s.runs[i].low <= s.runs[i-1].high+1 {
				t.Errorf("runs %v could be joined", s.runs)
			}
		}
	})
}
