package bench

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/internal/history"
)

// What the clients that behave read and write: half reads, half writes.
const (
	hostileKeys       = 1000
	hostileValueBytes = 128
)

func hostileKey(i int) string { return "hostile/" + strconv.Itoa(i) }

// behave is a client: a closed loop of reads and writes.
func (h *hostile) behave(ctx context.Context, m memory, client int) {
	defer func() { _ = m.Close() }() // a session that is not closed expires
	random := rand.New(rand.NewPCG(h.cfg.Seed, uint64(client)))
	value := newPadding(h.cfg.Seed, hostileValueBytes)[:hostileValueBytes]
	for ctx.Err() == nil {
		req := request{kind: history.Get, key: hostileKey(random.IntN(hostileKeys))}
		if random.IntN(2) == 0 {
			req.kind, req.value = history.Set, value
		}
		var a answer
		begin := time.Now()
		m.Do(ctx, &req, &a)
		if ctx.Err() == nil {
			h.watch.add(time.Since(begin), a.err)
		}
	}
}

// stopwatch gathers latencies of many clients.
type stopwatch struct {
	mu  sync.Mutex // guards lap
	lap lap
}

// lap is what was gathered in some time.
type lap struct {
	latencies *hdrhistogram.Histogram
	errors    int
	lastErr   error
}

func (s *stopwatch) add(latency time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lap.errors++
		s.lap.lastErr = err
		return
	}
	if s.lap.latencies == nil {
		s.lap.latencies = newHistogram()
	}
	_ = s.lap.latencies.RecordValue(min(max(int64(latency), 1), int64(maxLatency))) // within its range
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
	p := Phase{Errors: l.errors, LastError: l.lastErr}
	if h := l.latencies; h != nil {
		p.PerSecond = float64(h.TotalCount()) / d.Seconds()
		p.P50, p.P99 = time.Duration(h.ValueAtQuantile(50)), time.Duration(h.ValueAtQuantile(99))
		p.P999, p.Max = time.Duration(h.ValueAtQuantile(99.9)), time.Duration(h.Max())
	}
	return p
}
