package load

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of the histograms.
const (
	maxLatency         = time.Hour
	significantFigures = 3
)

// NewHistogram has room for a nanosecond to an hour.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxLatency), significantFigures)
}

// RecordLatency takes a latency in nanoseconds. It is clamped: one beyond the range
// must not vanish.
func RecordLatency(h *hdrhistogram.Histogram, latency int64) {
	if err := h.RecordValue(min(max(latency, 1), int64(maxLatency))); err != nil {
		panic(fmt.Sprintf("bench: a latency of %d ns within the histogram's range was refused: %v", latency, err))
	}
}

// shards is how many histograms clients share, so that they rarely meet.
const shards = 16

// Latencies takes those of any number of clients at once.
type Latencies [shards]struct {
	mu sync.Mutex // guards h
	h  *hdrhistogram.Histogram
}

// Record takes a latency, in nanoseconds, of a client.
func (l *Latencies) Record(client int, latency int64) {
	s := &l[client%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.h == nil {
		s.h = NewHistogram()
	}
	RecordLatency(s.h, latency)
}

// Merged is one histogram of all.
func (l *Latencies) Merged() *hdrhistogram.Histogram {
	all := NewHistogram()
	for i := range l {
		l[i].mu.Lock()
		if l[i].h != nil {
			all.Merge(l[i].h)
		}
		l[i].mu.Unlock()
	}
	return all
}
