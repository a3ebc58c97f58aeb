package point

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// bubbleAlarm waits on the clock of a synctest bubble.
type bubbleAlarm struct{}

func (bubbleAlarm) wait(d time.Duration) error {
	<-time.After(d)
	return nil
}

func (bubbleAlarm) close() error { return nil }

// slow is a system whose n-th write, from 1, takes a time.
type slow struct {
	takes  func(n int) time.Duration
	writes int
}

func (s *slow) Client(context.Context, int) (Client, error) { return slowClient{s: s}, nil }

func (s *slow) Close() error { return nil }

type slowClient struct {
	Client
	s *slow
}

func (c slowClient) Write(context.Context, string, []byte) error {
	c.s.writes++
	<-time.After(c.s.takes(c.s.writes))
	return nil
}

// offer has one client serve a rate for three seconds after a warm-up, on a clock
// of its own.
func offer(t *testing.T, warmup time.Duration, rate float64, takes func(n int) time.Duration) (result Result, s *slow) {
	t.Helper()
	s = &slow{takes: takes}
	synctest.Test(t, func(t *testing.T) {
		pool := NewPool(s)
		pool.newAlarm = func() (alarm, error) { return bubbleAlarm{}, nil }
		var err error
		result, err = pool.Run(t.Context(), Work{
			Kind: Writes, Clients: 1, Keys: Keys(10), ValueBytes: 100, Rate: rate, Warmup: warmup, Duration: 3 * time.Second, Seed: 1,
		})
		if err != nil {
			t.Error(err)
		}
	})
	return result, s
}

// about reports whether a figure is within 1% of what it should be: histograms
// have three digits.
func about(got, want time.Duration) bool {
	return got >= want-want/100 && got <= want+want/100
}

// TestStallIsNotHidden: operations that were due while the only client waited for
// a slow answer count from when they were due.
func TestStallIsNotHidden(t *testing.T) {
	result, _ := offer(t, 0, 100, func(n int) time.Duration {
		if n == 101 { // due at 1 s
			return time.Second
		}
		return 0
	})
	if result.Count != 300 || result.GivenUp != 0 || result.PerSecond != 100 {
		t.Errorf("%d operations, %d given up, %g a second", result.Count, result.GivenUp, result.PerSecond)
	}
	// 100 of the 300 waited, the n-th of them for n/100 of a second.
	if !about(result.Max, time.Second) || !about(result.P99, 970*time.Millisecond) || !about(result.P90, 700*time.Millisecond) {
		t.Errorf("p90 %v, p99 %v, max %v", result.P90, result.P99, result.Max)
	}
	if result.P50 > time.Microsecond {
		t.Errorf("p50 %v", result.P50)
	}
	if result.Late > time.Microsecond {
		t.Errorf("the load generator was %v late, on a clock that waits for it", result.Late)
	}
}

// TestRateIsNotReached: a system that does half of what is asked of it shows half
// of the rate, and what was left at the end counts with the time that it waited.
func TestRateIsNotReached(t *testing.T) {
	result, s := offer(t, 0, 200, func(int) time.Duration { return 10 * time.Millisecond })
	if result.PerSecond < 99 || result.PerSecond > 101 {
		t.Errorf("%g a second", result.PerSecond)
	}
	// 600 were due. In 3 s and the second that follows 400 are begun.
	if s.writes < 399 || s.writes > 401 || result.GivenUp != int64(600-s.writes) {
		t.Errorf("%d written, %d given up", s.writes, result.GivenUp)
	}
	if result.Count != 600 {
		t.Errorf("%d latencies, not 600", result.Count)
	}
	// The last that was begun was due at 2 s, and those given up waited on to 4 s.
	if !about(result.Max, 2010*time.Millisecond) {
		t.Errorf("max %v", result.Max)
	}
	if result.P50 < time.Second {
		t.Errorf("p50 %v", result.P50)
	}
}

// TestBacklogOfWarmup: what is left of the warm-up is work too, but its latency
// does not count.
func TestBacklogOfWarmup(t *testing.T) {
	result, _ := offer(t, time.Second, 200, func(int) time.Duration { return 10 * time.Millisecond })
	if result.PerSecond < 99 || result.PerSecond > 101 {
		t.Errorf("%g a second", result.PerSecond)
	}
	if result.Count != 600 {
		t.Errorf("%d latencies, not 600", result.Count)
	}
}

// TestOnSchedule holds when operations begin if nothing is in the way.
func TestOnSchedule(t *testing.T) {
	result, s := offer(t, 0, 1000, func(int) time.Duration { return 250 * time.Microsecond })
	if s.writes != 3000 || result.Count != 3000 || result.GivenUp != 0 {
		t.Errorf("%d written, %d latencies, %d given up", s.writes, result.Count, result.GivenUp)
	}
	if !about(result.P50, 250*time.Microsecond) || !about(result.Max, 250*time.Microsecond) {
		t.Errorf("p50 %v, max %v", result.P50, result.Max)
	}
}
