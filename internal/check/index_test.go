package check

import (
	"slices"
	"testing"
)

// The keys are sorted however many come between two looks at them.
func TestIndex(t *testing.T) {
	for _, step := range []int{1, fewAdded, fewAdded + 1} {
		var x index
		n := 3 * (fewAdded + 1)
		for i := range n {
			x.add(string(rune('z'-i%7*3)) + string(rune('0'+i)))
			if i%step == 0 && !slices.IsSorted(x.all()) {
				t.Fatalf("every %d: %q", step, x.keys)
			}
		}
		if keys := x.all(); !slices.IsSorted(keys) || len(keys) != n {
			t.Errorf("every %d: %q", step, keys)
		}
	}
}

// A range has the keys from its beginning on and below its end.
func TestIndexBetween(t *testing.T) {
	var x index
	for _, key := range []string{"c", "a", "b"} {
		x.add(key)
	}
	for _, test := range []struct {
		from, to string
		want     []string
	}{
		{"", "", []string{"a", "b", "c"}},
		{"b", "", []string{"b", "c"}},
		{"a", "c", []string{"a", "b"}},
		{"aa", "bb", []string{"b"}},
		{"d", "", nil},
		{"d", "b", nil},
		{"b", "b", nil},
	} {
		if got := x.between(test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("from %q to %q: %q, want %q", test.from, test.to, got, test.want)
		}
	}
}
