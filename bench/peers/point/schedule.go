package point

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
)

const (
	// maxQueued is how many operations may be due and wait for a client. Beyond
	// that handing out blocks, which hides nothing: latency counts from when an
	// operation was due.
	maxQueued = 1 << 16

	// drainTime is how long after the end clients still begin what was due before
	// it. What is left then is given up: the system cannot keep up with the rate.
	drainTime = time.Second
)

// bySchedule hands out operations when they are due, to the clients that are
// free, and returns when nothing is due any more.
func (m *point) bySchedule(ctx context.Context, workers []*worker, rate float64, group *sync.WaitGroup, result *Result) (err error) {
	timer, err := m.newAlarm()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, timer.close()) }()
	due := make(chan int64, maxQueued)
	defer close(due)
	for _, w := range workers {
		group.Go(func() { w.serve(ctx, due) })
	}
	late := load.NewHistogram()
	defer func() { result.Late = time.Duration(late.ValueAtQuantile(99)) }()
	for n := int64(0); ; {
		now, intended := m.now(), int64(0)
		for ; ; n++ {
			intended = int64(float64(n) / rate * float64(time.Second))
			if intended >= m.end {
				return nil
			}
			if intended > now {
				break
			}
			if intended >= m.count {
				load.RecordLatency(late, m.now()-intended)
			}
			select {
			case due <- intended:
			case <-ctx.Done():
				return nil // the point's error is the context's cause
			}
		}
		if err := timer.wait(time.Duration(intended - m.now())); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// serve carries out operations that are due. Each that was due in the time that
// counts has a latency, however late it ends; of one that was given up the latency
// is at least what is recorded.
func (w *worker) serve(ctx context.Context, due <-chan int64) {
	m := w.point
	for intended := range due {
		if ctx.Err() != nil {
			return
		}
		if now := m.now(); now >= m.end+int64(drainTime) {
			if intended >= m.count && m.work.Kind != ReadsBeside {
				m.latencies.Record(w.id, now-intended)
				m.givenUp.Add(1)
			}
			continue
		}
		r := w.next()
		err := w.client.Write(ctx, r.Key, r.Value)
		now := m.now()
		if err != nil {
			m.failed(err)
			return
		}
		ended := &m.done
		if m.work.Kind == ReadsBeside {
			ended = &m.beside
		} else if intended >= m.count {
			m.latencies.Record(w.id, now-intended)
		}
		// What was due before the time that counts and ends in it is the system's
		// work as well: without it a backlog would look like idleness.
		if now >= m.count && now < m.end {
			ended.Add(1)
		}
	}
}
