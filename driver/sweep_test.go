package driver

import (
	"testing"
	"time"
	"unsafe"
)

// A clock that is set makes no connection older, idler or younger.
func TestSweepAndClockThatIsSet(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		// What time.Now returns after the clock on the wall was set: the monotonic
		// reading, in a word of its own, stays.
		set := now
		*(*uint64)(unsafe.Pointer(&set)) += uint64(by/time.Second) << 30
		if got := set.Round(0).Sub(now.Round(0)); got != by {
			t.Fatalf("the test has set the clock by %v, not %v", got, by)
		}
		if got := steady(set) - steady(now); got != 0 {
			t.Errorf("set by %v, links see %v", by, time.Duration(got))
		}
	}
}
