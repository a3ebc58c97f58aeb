package load

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of the histograms, as dsmbench has them.
const (
	maxLatency         = time.Hour
	significantFigures = 3
)

// shards is how many histograms clients share, so that they rarely meet.
const shards = 16

// recorder takes latencies from any number of clients.
type recorder [shards]struct {
	mu sync.Mutex // guards h
	h  *hdrhistogram.Histogram
}

func newRecorder() *recorder {
	r := &recorder{}
	for i := range r {
		r[i].h = newHistogram()
	}
	return r
}

// newHistogram has room for a nanosecond to an hour.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxLatency), significantFigures)
}

// record takes a latency. One beyond the range must not vanish.
func (r *recorder) record(client int, latency int64) {
	s := &r[client%shards]
	s.mu.Lock()
	err := s.h.RecordValue(min(max(latency, 1), int64(maxLatency)))
	s.mu.Unlock()
	if err != nil {
		panic(fmt.Sprintf("load: a latency of %d ns within the histogram's range was refused: %v", latency, err))
	}
}

// merged is one histogram of all.
func (r *recorder) merged() *hdrhistogram.Histogram {
	h := newHistogram()
	for i := range r {
		r[i].mu.Lock()
		h.Merge(r[i].h)
		r[i].mu.Unlock()
	}
	return h
}

// describe fills in the latencies of a result.
func (r *recorder) describe(result *Result) {
	h := r.merged()
	result.Count = h.TotalCount()
	if result.Count == 0 {
		return
	}
	result.Mean, result.Max = time.Duration(h.Mean()), time.Duration(h.Max())
	result.P50 = time.Duration(h.ValueAtQuantile(50))
	result.P90 = time.Duration(h.ValueAtQuantile(90))
	result.P99 = time.Duration(h.ValueAtQuantile(99))
}
