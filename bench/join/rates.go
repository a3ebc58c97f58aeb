package join

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
)

// bucketTime is how finely writes are counted, and windowBuckets over how many
// buckets a rate is taken: half a second, moved on by a bucket each time.
const (
	bucketTime    = 100 * time.Millisecond
	windowBuckets = 5
)

// maxBuckets bounds the load that is counted: what comes later is dropped.
const maxBuckets = int((3*program.LongestPhase + joinTimeout) / bucketTime)

// tally is the book of all clients: it counts what was acknowledged, by the time of the
// acknowledgement.
type tally struct {
	clock   load.Clock // from the beginning of the load on
	counts  [maxBuckets]atomic.Int32
	failed  atomic.Int64 // writes that were not acknowledged
	problem atomic.Pointer[error]
}

// Begin returns the time.
func (t *tally) Begin() int64 { return t.clock.Now() }

// End counts a write.
func (t *tally) End(r *load.Record) {
	r.Op.End = t.clock.Now()
	if r.Err != nil {
		err := r.Err // the record is the client's
		t.problem.Store(&err)
		t.failed.Add(1)
		return
	}
	t.add(time.Duration(r.Op.End))
}

// since is how long the load has lasted.
func (t *tally) since() time.Duration { return time.Duration(t.clock.Now()) }

func (t *tally) add(at time.Duration) {
	if i := int(at / bucketTime); i < len(t.counts) {
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
