package cluster

import (
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// TestUsage holds that what a process tells of itself grows, and is told apart from
// what was before.
func TestUsage(t *testing.T) {
	before, err := OwnUsage()
	if err != nil {
		t.Fatal(err)
	}
	kept := make([]byte, 1<<20)
	after, err := CollectedUsage()
	if err != nil {
		t.Fatal(err)
	}
	d := after.Since(before)
	if d.AllocBytes < uint64(len(kept)) || d.Cycles == 0 || len(d.Pauses) == 0 || d.At <= 0 {
		t.Errorf("usage %+v", d)
	}
	if runtime.GOOS == "linux" && (after.CPU <= 0 || after.ReadCalls == 0 || after.Resident == 0) {
		t.Errorf("usage of the process %+v", after.processUsage)
	}
	runtime.KeepAlive(kept)
}

func TestPauses(t *testing.T) {
	h := &metrics.Float64Histogram{Counts: []uint64{0, 3, 0, 1}, Buckets: []float64{0, 1e-6, 2e-6, 3e-6, math.Inf(1)}}
	list := pausesOf(h)
	if want := []gcPause{{2 * time.Microsecond, 3}, {3 * time.Microsecond, 1}}; !slices.Equal(list, want) {
		t.Errorf("pauses %v, want %v", list, want)
	}
	u := Usage{Pauses: list}
	if d := u.Since(Usage{Pauses: []gcPause{{2 * time.Microsecond, 3}}}); !slices.Equal(d.Pauses, list[1:]) {
		t.Errorf("pauses since %v", d.Pauses)
	}
	for q, want := range map[float64]time.Duration{0.5: 2 * time.Microsecond, 0.99: 3 * time.Microsecond, 1: 3 * time.Microsecond} {
		if got := (Usage{Pauses: list}).PauseQuantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := (Usage{}).PauseQuantile(1); got != 0 {
		t.Errorf("the longest of no pause is %v", got)
	}
}
