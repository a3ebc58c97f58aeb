package noise

import (
	"runtime"
	"sync"
	"time"
)

const (
	// gapTime is from how long on the time between two looks at the clock is a
	// gap. A tick of the kernel's takes a tenth of it.
	gapTime = 50 * time.Microsecond

	// spinWork is how many steps of arithmetic are between two looks, which then
	// are a fraction of a microsecond apart.
	spinWork = 100
)

// Spin is what processors have shown that had nothing to do but look at the clock.
type Spin struct {
	Lost    float64       `json:"lost"`           // fraction of the time that something else had
	Longest time.Duration `json:"longest_gap_ns"` // between two looks
	Speed   float64       `json:"looks_per_us"`   // in the time that was not lost
}

// SpinAll has each of n threads spin for a time, and returns what all have shown
// together. Spinning with as many threads as there are processors finds whatever
// else wants to run; it must not be done beside what is measured.
func SpinAll(n int, d time.Duration) Spin {
	gaps := make([]gapCounter, n)
	var group sync.WaitGroup
	for i := range gaps {
		group.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			began := time.Now()
			gaps[i].spin(func() time.Duration { return time.Since(began) }, d)
		})
	}
	group.Wait()
	return together(gaps)
}

// gapCounter is one thread's.
type gapCounter struct {
	looks   int
	total   time.Duration
	lost    time.Duration
	longest time.Duration
	mixed   uint64 // keeps the arithmetic from being left out
}

// spin looks at a clock until a time has passed.
func (g *gapCounter) spin(now func() time.Duration, d time.Duration) {
	x := uint64(1)
	for last := now(); g.total < d; {
		for range spinWork {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		then := now()
		gap := then - last
		g.looks++
		g.total += gap
		g.longest = max(g.longest, gap)
		if gap >= gapTime {
			g.lost += gap
		}
		last = then
	}
	g.mixed = x
}

// together is the result of several threads.
func together(gaps []gapCounter) Spin {
	var sum gapCounter
	for _, g := range gaps {
		sum.looks += g.looks
		sum.total += g.total
		sum.lost += g.lost
		sum.longest = max(sum.longest, g.longest)
	}
	s := Spin{Longest: sum.longest}
	if sum.total > 0 {
		s.Lost = sum.lost.Seconds() / sum.total.Seconds()
	}
	if kept := sum.total - sum.lost; kept > 0 {
		s.Speed = float64(sum.looks) / (kept.Seconds() * 1e6)
	}
	return s
}
