package point

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/bench/load"
)

// graceTimeout is how long operations in flight at the end may take.
const graceTimeout = 20 * time.Second

// Errors of points, which are then not to be compared.
var (
	// ErrOperation says that an operation failed. That ends the point.
	ErrOperation = errors.New("point: an operation failed")

	// ErrTooLate says that operations were not answered in time, which is 20 s
	// after the end of the point.
	ErrTooLate = errors.New("point: operations were not answered in time")
)

// point is a measurement under way. Times are nanoseconds on its clock.
type point struct {
	work  Work
	clock load.Clock
	count int64 // from here on what ends counts
	end   int64 // nothing begins any more

	latencies load.Latencies
	done      atomic.Int64 // ended in the time that counts
	beside    atomic.Int64 // of those, writes beside reads
	givenUp   atomic.Int64 // were due, and not begun in time

	newAlarm func() (alarm, error)
	fan      *fan // of a FanOut

	fail context.CancelCauseFunc // ends the point
}

// Run measures one point. The error wraps ErrOperation or ErrTooLate, or is that
// of the context, or of opening clients.
func (p *Pool) Run(ctx context.Context, work Work) (Result, error) {
	if err := work.validate(); err != nil {
		return Result{}, err
	}
	clients, err := p.take(ctx, work.Clients+work.others())
	if err != nil {
		return Result{}, err
	}
	switch work.Kind {
	case FanOut:
		return p.fanOut(ctx, &work, clients)
	case Swaps:
		c, err := txnClient(clients[0])
		if err != nil {
			return Result{}, err
		}
		if err := probe(ctx, &work, c); err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrOperation, err)
		}
	}
	return p.run(ctx, &work, clients, nil)
}

// run measures a point. fan is that of a FanOut.
func (p *Pool) run(ctx context.Context, work *Work, clients []Client, fan *fan) (Result, error) {
	ops, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	late := time.AfterFunc(work.Warmup+work.Duration+graceTimeout, func() { fail(ErrTooLate) })
	defer late.Stop()

	m := &point{
		work: *work, clock: load.NewClock(), fail: fail, fan: fan,
		count: int64(work.Warmup), end: int64(work.Warmup + work.Duration), newAlarm: p.newAlarm,
	}
	result := Result{}
	if err := m.drive(ops, p, clients, &result); err != nil {
		return Result{}, err
	}
	if err := context.Cause(ops); err != nil {
		return Result{}, err
	}
	result.describe(m.latencies.Merged())
	seconds := work.Duration.Seconds()
	result.PerSecond = float64(m.done.Load()) / seconds
	result.GivenUp = m.givenUp.Load()
	result.BesidePerSecond = float64(m.beside.Load()) / seconds
	return result, nil
}

// others is how many clients do something else than the work.
func (w *Work) others() int {
	if w.Kind == ReadsBeside {
		return besideWriters
	}
	return 0
}

// keys are those of the work as a workload of package load.
func (m *point) keys() *load.Keyspace {
	w := load.Workload{ValueBytes: m.work.ValueBytes, Keys: len(m.work.Keys), Seed: m.work.Seed, Reuse: true}
	switch m.work.Kind {
	case Reads:
	case Mixed:
		w.Writes = 0.5
	default:
		w.Writes = 1
	}
	return load.NameKeys(&w, m.work.Keys)
}

// open opens n clients of package load, whose book is the point.
func (m *point) open(ctx context.Context, from load.Source, n int) (load.Clients, error) {
	cs := load.NewClients(n, 0, m.clock, m.keys(), func(i int) load.Book { return &book{point: m, client: i, last: m.now()} })
	for _, c := range cs {
		c.Ctx = ctx
	}
	return cs, cs.Open(ctx, from)
}

// book takes the operations of a client.
type book struct {
	point  *point
	client int
	last   int64 // when the last operation ended
}

// Begin returns when the last operation ended, which is when the next one begins: a clock
// reading takes longer than what is between them.
func (b *book) Begin() int64 { return b.last }

// End takes an operation that has ended.
func (b *book) End(r *load.Record) {
	b.last = b.point.now()
	r.Op.End = b.last
	b.point.ended(b.client, r.Intended, b.last, r.Err)
}

// drive has every client work until the end.
func (m *point) drive(ctx context.Context, p *Pool, clients []Client, result *Result) error {
	if kind := m.work.Kind; m.work.Rate == 0 && (kind == Writes || kind == Reads || kind == Mixed) {
		cs, err := m.open(ctx, valued{p, m.work.ValueBytes}, len(clients))
		if err == nil {
			cs.Run(ctx, &load.Schedule{End: m.end})
		}
		return err
	}
	keys := m.keys()
	workers := make([]*worker, len(clients))
	for i, c := range clients {
		workers[i] = &worker{
			id: i, point: m, client: &sized{c, m.work.ValueBytes}, chooser: load.NewGenerator(keys, i), random: rand.NewPCG(m.work.Seed, uint64(i)),
		}
	}
	var group sync.WaitGroup
	defer group.Wait()
	switch {
	case m.work.Rate > 0:
		return m.bySchedule(ctx, workers, m.work.Rate, &group, result)
	case m.work.Kind == ReadsBeside:
		for _, w := range workers[:m.work.Clients] {
			group.Go(func() { w.readOnly(ctx) })
		}
		return m.bySchedule(ctx, workers[m.work.Clients:], besideRate, &group, result)
	case m.work.Kind == AsyncWrites:
		for _, w := range workers {
			c, ok := w.client.Client.(AsyncClient)
			if !ok {
				return fmt.Errorf("point: %w: a %T waits for every write", errors.ErrUnsupported, w.client.Client)
			}
			group.Go(func() { w.async(ctx, c) })
		}
	case m.work.Kind == Swaps:
		for i, w := range workers {
			c, err := txnClient(w.client.Client)
			if err != nil {
				return err
			}
			group.Go(func() { w.swap(ctx, newSwapper(c, m.work.own(i), load.NewValues(keys, i))) })
		}
	case m.work.Kind == FanOut:
		for i, w := range workers {
			group.Go(func() { w.fanOut(ctx, m.fan, load.NewValues(keys, i)) })
		}
	}
	return nil
}

func (m *point) now() int64 { return m.clock.Now() }

// ended notes an operation that was to begin at from and has ended.
func (m *point) ended(client int, from, to int64, err error) {
	switch {
	case err != nil:
		m.failed(err)
	case to >= m.count && to < m.end:
		m.done.Add(1)
		m.latencies.Record(client, to-from)
	}
}

// failed ends the point.
func (m *point) failed(err error) { m.fail(fmt.Errorf("%w: %w", ErrOperation, err)) }

// describe fills in the latencies.
func (r *Result) describe(h *hdrhistogram.Histogram) {
	if r.Count = h.TotalCount(); r.Count == 0 {
		return
	}
	r.Mean, r.Max = time.Duration(h.Mean()), time.Duration(h.Max())
	r.P50, r.P90, r.P99 = time.Duration(h.ValueAtQuantile(50)), time.Duration(h.ValueAtQuantile(90)), time.Duration(h.ValueAtQuantile(99))
}
