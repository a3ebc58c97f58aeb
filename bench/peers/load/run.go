package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// graceTimeout is how long operations in flight at the end may take.
const graceTimeout = 20 * time.Second

// Errors of points, which are then not to be compared.
var (
	// ErrOperation says that an operation failed. That ends the point.
	ErrOperation = errors.New("load: an operation failed")

	// ErrTooLate says that operations were not answered in time, which is 20 s
	// after the end of the point.
	ErrTooLate = errors.New("load: operations were not answered in time")
)

// point is a measurement under way. Times are nanoseconds on its clock.
type point struct {
	work  Work
	began time.Time
	count int64 // from here on what ends counts
	end   int64 // nothing begins any more

	latencies *recorder
	done      atomic.Int64 // ended in the time that counts
	beside    atomic.Int64 // of those, writes beside reads
	givenUp   atomic.Int64 // were due, and not begun in time

	newAlarm func() (alarm, error)

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
	ops, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	late := time.AfterFunc(work.Warmup+work.Duration+graceTimeout, func() { fail(ErrTooLate) })
	defer late.Stop()

	m := &point{
		work: work, began: time.Now(), latencies: newRecorder(), fail: fail,
		count: int64(work.Warmup), end: int64(work.Warmup + work.Duration), newAlarm: p.newAlarm,
	}
	result := Result{}
	if err := m.drive(ops, clients, &result); err != nil {
		return Result{}, err
	}
	if err := context.Cause(ops); err != nil {
		return Result{}, err
	}
	m.latencies.describe(&result)
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

// drive has every client work until the end.
func (m *point) drive(ctx context.Context, clients []Client, result *Result) error {
	workers := make([]*worker, len(clients))
	for i, c := range clients {
		workers[i] = &worker{
			id: i, point: m, client: c, value: newValue(i, m.work.ValueBytes),
			random: rand.NewPCG(m.work.Seed, uint64(i)),
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
			c, ok := w.client.(AsyncClient)
			if !ok {
				return fmt.Errorf("load: %w: a %T waits for every write", errors.ErrUnsupported, w.client)
			}
			group.Go(func() { w.async(ctx, c) })
		}
	default:
		for _, w := range workers {
			group.Go(func() { w.closedLoop(ctx) })
		}
	}
	return nil
}

func (m *point) now() int64 { return int64(time.Since(m.began)) }

// ended notes an operation that was to begin at from and has ended.
func (m *point) ended(client int, from, to int64, err error) {
	switch {
	case err != nil:
		m.failed(err)
	case to >= m.count && to < m.end:
		m.done.Add(1)
		m.latencies.record(client, to-from)
	}
}

// failed ends the point.
func (m *point) failed(err error) { m.fail(fmt.Errorf("%w: %w", ErrOperation, err)) }
