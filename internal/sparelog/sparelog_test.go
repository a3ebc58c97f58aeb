package sparelog

import (
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	var g Gate
	now := time.Unix(1_000_000, 0)
	through := func(lines int) (n int) {
		for range lines {
			if _, ok := g.Open(now); ok {
				n++
			}
		}
		return n
	}
	if n := through(1000); n != Burst {
		t.Errorf("%d of 1000 lines at once, want %d", n, Burst)
	}
	now = now.Add(Interval - 1)
	if n := through(10); n != 0 {
		t.Errorf("%d lines before an interval was over", n)
	}
	now = now.Add(1)
	left, ok := g.Open(now)
	if want := int64(1000 - Burst + 10); !ok || left != want {
		t.Errorf("after an interval: %v, %d left out, want %d", ok, left, want)
	}
	now = now.Add(time.Hour)
	if n := through(1000); n != Burst {
		t.Errorf("%d of 1000 lines after a long time, want %d", n, Burst)
	}
}
