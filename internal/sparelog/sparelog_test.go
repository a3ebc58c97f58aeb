package sparelog

import (
	"testing"
	"time"
	"unsafe"
)

func TestGate(t *testing.T) {
	var g Gate
	now := time.Now()
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

// A clock that is set changes nothing.
func TestGateAndClockThatIsSet(t *testing.T) {
	for _, by := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		var g Gate
		now := time.Now()
		through := func(now time.Time) (n int) {
			for range 10 * Burst {
				if _, ok := g.Open(now); ok {
					n++
				}
			}
			return n
		}
		if n := through(now); n != Burst {
			t.Errorf("%d lines at first", n)
		}
		if n := through(set(now, by)); n != 0 {
			t.Errorf("%d lines once the clock was set by %v", n, by)
		}
		if n := through(set(now.Add(3*Interval), by)); n != 3 {
			t.Errorf("%d lines three intervals after the clock was set by %v", n, by)
		}
	}
}

// set returns the time that time.Now returns after the clock on the wall was set
// forward by a time: the monotonic reading, in a word of its own, stays.
func set(now time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&now)) += uint64(by/time.Second) << 30
	return now
}
