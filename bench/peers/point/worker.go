package point

import (
	"context"
	"math/rand/v2"
	"runtime"

	"github.com/seed-8247e700/dsm/bench/load"
)

// lookEvery is after how many reads in memory a client looks at the clock, and
// lets others run, who are waiting in turn on what never waits.
const lookEvery = 64

// worker is one client at work in a way that package load has not: writes that a schedule
// hands out, a window of writes, reads without a clock, transactions, writes that are watched.
type worker struct {
	id      int
	point   *point
	client  *sized
	chooser *load.Generator
	random  *rand.PCG
	request load.Request
}

// next is the client's next operation.
func (w *worker) next() *load.Request {
	w.chooser.Next(&w.request)
	return &w.request
}

// key chooses one.
func (w *worker) key() string {
	keys := w.point.work.Keys
	return keys[w.choose(len(keys))]
}

// choose chooses one of n. The high bits of a product do that as well as a division would,
// and cost a tenth: what reads a map is measured with this in its loop.
func (w *worker) choose(n int) int {
	return int((w.random.Uint64() >> 32) * uint64(n) >> 32)
}

// goesOn reports whether another operation is to begin at a moment. A client whose
// operation has failed stops: a point with failures does not count.
func (w *worker) goesOn(ctx context.Context, now int64, err error) bool {
	return err == nil && now < w.point.end && ctx.Err() == nil
}

// readOnly reads what the client answers from its own memory. That takes less time
// than the clock does, so that there are no latencies.
func (w *worker) readOnly(ctx context.Context) {
	var err error
	for now := w.point.now(); w.goesOn(ctx, now, err); {
		for i := 0; i < lookEvery && err == nil; i++ {
			err = w.client.read(ctx, w.key())
		}
		now = w.point.now()
		switch {
		case err != nil:
			w.point.failed(err)
		case now >= w.point.count && now < w.point.end:
			w.point.done.Add(lookEvery)
		}
		runtime.Gosched()
	}
}

// async keeps a window of writes in flight. A write has ended when the client
// learns of it, in the order in which they were made.
func (w *worker) async(ctx context.Context, c AsyncClient) {
	type flight struct {
		pending Pending
		from    int64
	}
	window := make([]flight, 0, asyncWindow)
	oldest := 0
	land := func() error {
		f := window[oldest]
		err := f.pending.Wait(ctx)
		w.point.ended(w.id, f.from, w.point.now(), err)
		return err
	}
	var err error
	for now := w.point.now(); w.goesOn(ctx, now, err); now = w.point.now() {
		if len(window) == asyncWindow {
			if err = land(); err != nil {
				return
			}
		}
		var pending Pending
		r := w.next()
		if pending, err = c.WriteAsync(ctx, r.Key, r.Value); err != nil {
			w.point.failed(err)
			return
		}
		if len(window) < asyncWindow {
			window = append(window, flight{pending, now})
			continue
		}
		window[oldest] = flight{pending, now}
		oldest = (oldest + 1) % asyncWindow
	}
	for range window {
		if land() != nil {
			return
		}
		oldest = (oldest + 1) % len(window)
	}
}
