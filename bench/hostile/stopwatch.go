package hostile

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/bench/load"
)

// What the clients that behave read and write: half reads, half writes.
const (
	hostileKeys       = 1000
	hostileValueBytes = 128
)

// stopwatch is the book of all clients: it gathers their latencies.
type stopwatch struct {
	clock load.Clock

	mu  sync.Mutex // guards lap
	lap lap
}

// lap is what was gathered in some time.
type lap struct {
	latencies *hdrhistogram.Histogram
	writes    int
	errors    int
	lastErr   error
}

// Begin returns the time.
func (s *stopwatch) Begin() int64 { return s.clock.Now() }

// End takes an operation.
func (s *stopwatch) End(r *load.Record) {
	r.Op.End = s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Err != nil {
		s.lap.errors++
		s.lap.lastErr = r.Err
		return
	}
	if s.lap.latencies == nil {
		s.lap.latencies = load.NewHistogram()
	}
	if !r.Op.Kind.IsRead() {
		s.lap.writes++
	}
	load.RecordLatency(s.lap.latencies, r.Op.End-r.Intended)
}

// take returns what was gathered since the last time.
func (s *stopwatch) take() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lap
	s.lap = lap{}
	return l
}

// phase sums up a lap that took so long.
func (l lap) phase(d time.Duration) Phase {
	p := Phase{Errors: l.errors, LastError: l.lastErr, Writes: float64(l.writes) / d.Seconds()}
	if h := l.latencies; h != nil {
		p.PerSecond = float64(h.TotalCount()) / d.Seconds()
		p.P50, p.P99 = time.Duration(h.ValueAtQuantile(50)), time.Duration(h.ValueAtQuantile(99))
		p.P999, p.Max = time.Duration(h.ValueAtQuantile(99.9)), time.Duration(h.Max())
	}
	return p
}
