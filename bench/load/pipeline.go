package load

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// writesAsync is a memory whose writes need not be waited for.
type writesAsync interface {
	// Issue issues a write.
	Issue(ctx context.Context, r *Request) *driver.Future
}

// pipeline is a client's asynchronous writes that have not been noted, in the
// order in which they were issued.
type pipeline struct {
	ring  []outstanding
	first int
	n     int
	size  int // how many there may be
}

// outstanding is one of them.
type outstanding struct {
	request  Request
	trace    *driver.OpTrace
	traced   context.Context // fills in trace
	of       context.Context // that traced was made from
	future   *driver.Future
	start    int64
	intended int64
	schedule *Schedule
}

// newPipeline returns one for size writes, nil for none.
func newPipeline(size int) *pipeline {
	if size == 0 {
		return nil
	}
	return &pipeline{ring: make([]outstanding, size), size: size}
}

func (p *pipeline) oldest() *outstanding { return &p.ring[p.first] }

// perform carries out the request, without waiting for it if it is a write of a
// client that does not.
func (c *Worker) perform(ctx context.Context, intended int64, s *Schedule) {
	p := c.pipeline
	if p == nil || c.request.Kind.IsRead() {
		c.do(ctx, intended, s)
		return
	}
	c.land(ctx, p.size-1)
	o := &p.ring[(p.first+p.n)%p.size]
	p.n++
	if o.of != ctx {
		// A run uses few contexts; one that traces costs memory.
		o.of, o.trace = ctx, new(driver.OpTrace)
		o.traced = driver.WithTrace(ctx, o.trace)
	}
	o.request, o.intended, o.schedule, o.start = c.request, intended, s, c.book.Begin()
	o.future = c.memory.(writesAsync).Issue(o.traced, &o.request)
	c.land(ctx, p.size)
}

// oldest returns the end of the oldest write outstanding, nil without one.
func (c *Worker) oldest() <-chan struct{} {
	if c.pipeline == nil || c.pipeline.n == 0 {
		return nil
	}
	return c.pipeline.oldest().future.Done()
}

// land notes the writes that have ended, and waits until no more than so many are
// outstanding.
func (c *Worker) land(ctx context.Context, most int) {
	p := c.pipeline
	for p != nil && p.n > 0 {
		o := p.oldest()
		if p.n <= most && !o.future.Ended() {
			return
		}
		var a Answer
		o.judge(ctx, &a)
		c.note(ctx, &o.request, &a, o.start, o.intended, o.schedule)
		o.request, o.future = Request{}, nil
		p.first = (p.first + 1) % p.size
		p.n--
	}
}

// judge waits for the write, within ctx, and fills in what became of it.
func (o *outstanding) judge(ctx context.Context, a *Answer) {
	version, err := o.future.Wait(ctx)
	if !o.future.Ended() {
		// The driver goes on with it, and nobody will hear of it.
		judgeWrite(a, fmt.Errorf("%w: %w", driver.ErrOutcomeUnknown, err))
		return
	}
	a.Version, a.Sum = version, o.future.Sum()
	a.Position, a.Node = o.trace.Position, o.trace.Node
	a.Session, a.Seq = o.trace.Session, o.trace.Seq
	judgeWrite(a, err)
}

// Issue issues a write through the driver.
func (s *driverSession) Issue(ctx context.Context, r *Request) *driver.Future {
	switch r.Kind {
	case history.Set:
		return s.conn.SetAsync(ctx, r.Key, r.Value)
	case history.Delete:
		return s.conn.DeleteAsync(ctx, r.Key)
	case history.CompareAndSet:
		return s.conn.CompareAndSetAsync(ctx, r.Key, r.Value, r.Expect)
	case history.Add:
		return s.conn.AddAsync(ctx, r.Key, r.Delta)
	}
	panic(fmt.Sprintf("bench: operation %v is no write", r.Kind))
}
