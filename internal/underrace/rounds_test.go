package underrace

import "testing"

func TestRounds(t *testing.T) {
	for n, under := range map[int]int{60: 12, 9: 1, 1: 1} {
		want := n
		if Enabled {
			want = under
		}
		if got := Rounds(n); got != want {
			t.Errorf("%d rounds of %d, want %d", got, n, want)
		}
	}
}
