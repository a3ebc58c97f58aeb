package gcroom

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercent(t *testing.T) {
	for _, tc := range []struct {
		live, room uint64
		want       int
	}{
		{0, 64 << 20, 1600}, // of the 4 MiB that the runtime begins with
		{1, 64 << 20, 1600},
		{4 << 20, 64 << 20, 1600},
		{64 << 20, 64 << 20, 100},
		{1 << 30, 64 << 20, 100},
	} {
		if got := percentOf(tc.live, tc.room); got != tc.want {
			t.Errorf("%d bytes live, room for %d: %d%%, want %d%%", tc.live, tc.room, got, tc.want)
		}
	}
}

// The percentage follows the live heap, collection by collection.
func TestFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	calls := make(chan struct{}, 1)
	afterEachGC(func() {
		select {
		case calls <- struct{}{}:
		default:
		}
	})
	Reserve(1 << 30)
	for range 3 {
		runtime.GC()
		<-calls
	}
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	if percent <= 100 {
		t.Fatalf("a small heap with room for 1 GiB has %d%%", percent)
	}
}

func TestLeavesTheUsersChoice(t *testing.T) {
	t.Setenv("GOGC", "150")
	before := debug.SetGCPercent(150)
	defer debug.SetGCPercent(before)
	Reserve(1 << 30)
	if percent := debug.SetGCPercent(150); percent != 150 {
		t.Fatalf("%d%%", percent)
	}
}
