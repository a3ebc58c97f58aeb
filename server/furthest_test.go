package server

import "testing"

func TestFurthest(t *testing.T) {
	for _, c := range []struct {
		behind       []int
		index, bytes int
	}{
		{nil, -1, 0},
		{[]int{0, 0}, -1, 0},
		{[]int{0, 1}, 1, 1},
		{[]int{3, 1, 2}, 0, 3},
		{[]int{1, 2, 3}, 2, 3},
		{[]int{1, 3, 3}, 1, 3},
	} {
		index, bytes := furthest(c.behind, func(n int) int { return n })
		if index != c.index || bytes != c.bytes {
			t.Errorf("of %v: %d, with %d bytes", c.behind, index, bytes)
		}
	}
}
