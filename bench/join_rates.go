package bench

import (
	"sync/atomic"
	"time"
)

// bucketTime is how finely writes are counted, and windowBuckets over how many
// buckets a rate is taken: half a second, moved on by a bucket each time.
const (
	bucketTime    = 100 * time.Millisecond
	windowBuckets = 5
)

// maxBuckets bounds the load that is counted: what comes later is dropped.
const maxBuckets = int((3*longestPhase + joinTimeout) / bucketTime)

// tally counts what was acknowledged, by the time of the acknowledgement. Many
// goroutines may add at once.
type tally struct {
	begin  time.Time
	counts [maxBuckets]atomic.Int32
}

func (t *tally) add(at time.Time) {
	if i := int(at.Sub(t.begin) / bucketTime); i >= 0 && i < len(t.counts) {
		t.counts[i].Add(1)
	}
}

// buckets returns the counts of all buckets that were over at a time.
func (t *tally) buckets(until time.Duration) []int {
	counts := make([]int, min(int(until/bucketTime), len(t.counts)))
	for i := range counts {
		counts[i] = int(t.counts[i].Load())
	}
	return counts
}

// rateOf is the mean of buckets, in events a second.
func rateOf(counts []int) float64 {
	if len(counts) == 0 {
		return 0
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / (float64(len(counts)) * bucketTime.Seconds())
}

// windowRates returns the rate of every window that ends with one of the buckets
// from first on.
func windowRates(counts []int, first int) []float64 {
	var rates []float64
	for end := max(first+1, windowBuckets); end <= len(counts); end++ {
		rates = append(rates, rateOf(counts[end-windowBuckets:end]))
	}
	return rates
}

// longestBelow is for how long on end windows were below a rate.
func longestBelow(rates []float64, rate float64) time.Duration {
	longest, run := 0, 0
	for _, r := range rates {
		run++
		if r >= rate {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * bucketTime
}
