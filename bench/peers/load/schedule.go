package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// tick is how often operations that have become due are handed out.
const tick = 100 * time.Microsecond

// maxQueued is how many operations may be due and wait for a client. Beyond that
// handing out waits, which hides nothing: latency counts from when one was due.
const maxQueued = 1 << 16

// bySchedule hands out operations as they become due, to the clients that are
// free, and returns when nothing is due any more.
func (m *point) bySchedule(ctx context.Context, workers []*worker, rate float64, group *sync.WaitGroup, result *Result) (err error) {
	clock, err := newTicker(tick)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clock.close()) }()
	due := make(chan int64, maxQueued)
	defer close(due)
	for _, w := range workers {
		group.Go(func() { w.serve(ctx, due) })
	}
	late := newRecorder()
	defer func() { result.Late = time.Duration(late.merged().ValueAtQuantile(99)) }()
	for n := int64(0); ; {
		now := m.now()
		for ; ; n++ {
			intended := int64(float64(n) / rate * float64(time.Second))
			if intended >= m.end {
				return nil
			}
			if intended > now {
				break
			}
			if intended >= m.count {
				late.record(0, now-intended)
			}
			select {
			case due <- intended:
			case <-ctx.Done():
				return nil // the outcome says why
			}
		}
		if err := clock.wait(); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// serve takes operations as they become due. What was due in the time that counts
// counts, however late it ends.
func (w *worker) serve(ctx context.Context, due <-chan int64) {
	m := w.point
	for intended := range due {
		if ctx.Err() != nil {
			return
		}
		err := w.client.Write(ctx, w.key(), w.value.next())
		now := m.now()
		switch {
		case err != nil:
			m.failed(err)
			return
		case m.work.Kind == ReadsBeside:
			if now >= m.count && now < m.end {
				m.beside.Add(1)
			}
		case intended >= m.count:
			m.latencies.record(w.id, now-intended)
			if now < m.end {
				m.done.Add(1)
			}
		}
	}
}
