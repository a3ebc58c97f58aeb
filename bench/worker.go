package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// yieldEvery is after how many operations a client lets others run. One that
// reads from a replica in its own process never waits, and a few dozen such
// would keep the processors from the nodes they wait for in turn.
const yieldEvery = 16

// schedule is when the phases of a run are, on its clock.
type schedule struct {
	begin int64 // of the warm-up
	count int64 // from here on operations count
	end   int64 // nothing begins any more
	rate  float64
}

// worker is one client: a session at work.
type worker struct {
	id      int
	clients int
	session uint64
	wrote   uint64 // number of the last write in it
	home    string // node that the client is bound to, or that answered last
	watch   *watch
	ctx     context.Context // of its operations: ends with its node
	memory  memory
	logbook *logbook
	chooser *generator
	clock   clock

	pipeline *pipeline // of asynchronous writes; nil: it waits for each

	request request
	answer  answer
	record  record
	begun   int64 // operations of the schedule that were begun, or skipped
	skipped int64 // due in the warm-up, and not begun when it ended
}

// preload writes the client's share of the variables.
func (c *worker) preload(ctx context.Context, keys int) error {
	for key := c.id; key < keys; key += c.clients {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.chooser.preload(&c.request, key)
		c.do(ctx, c.clock.now(), nil)
		if c.answer.status != history.OK {
			return fmt.Errorf("bench: preloading %q: %w", c.request.key, c.answer.err)
		}
	}
	return nil
}

// closedLoop asks for the next thing when it has the answer to the last, until
// the schedule's end or until stop ends. Operations are bound to ctx alone, so
// that the last ones can finish.
func (c *worker) closedLoop(ctx, stop context.Context, s *schedule) {
	defer func() { c.land(ctx, 0) }()
	for n := 1; stop.Err() == nil && ctx.Err() == nil; n++ {
		now := c.clock.now()
		if now >= s.end {
			return
		}
		c.chooser.next(&c.request)
		c.perform(ctx, now, s)
		if n%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// openLoop begins operations when the schedule says, or as soon after as it
// can: with m clients at a rate of r, client i begins its n-th operation
// (i + n*m) / r seconds after the beginning. What the warm-up has left behind is
// skipped when it ends, lest it take the time that counts.
func (c *worker) openLoop(ctx, stop context.Context, s *schedule) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() { c.land(ctx, 0) }()
	for {
		now := c.clock.now()
		if now >= s.count && c.intended(s) < s.count {
			c.skipped = c.notBegun(s, s.count)
		}
		intended := c.intended(s)
		if intended >= s.end || stop.Err() != nil || ctx.Err() != nil {
			return
		}
		if now >= s.end {
			return // what is due is told as not begun
		}
		if wait := intended - now; wait > 0 {
			timer.Reset(time.Duration(wait))
			select {
			case <-timer.C:
			case <-c.oldest(): // is noted when it ends
				c.land(ctx, c.pipeline.size)
				continue
			case <-stop.Done():
				return
			case <-ctx.Done():
				return
			}
		}
		c.begun++
		c.chooser.next(&c.request)
		c.perform(ctx, intended, s)
	}
}

// intended is when the next operation should begin.
func (c *worker) intended(s *schedule) int64 {
	nth := float64(c.id) + float64(c.begun)*float64(c.clients)
	return s.begin + int64(nth/s.rate*float64(time.Second))
}

// notBegun is how many operations were due before end and never begun.
func (c *worker) notBegun(s *schedule, end int64) int64 {
	n := int64(0)
	for ; c.intended(s) < end; n++ {
		c.begun++
	}
	return n
}

// do carries out the request, and notes it. Without a schedule it does not
// count.
func (c *worker) do(ctx context.Context, intended int64, s *schedule) {
	c.answer = answer{}
	start := c.logbook.begin()
	c.memory.Do(ctx, &c.request, &c.answer)
	c.land(ctx, 0) // what it has waited for has ended before it
	c.note(ctx, &c.request, &c.answer, start, intended, s)
}

// note notes what became of the oldest operation under way.
func (c *worker) note(ctx context.Context, r *request, a *answer, start, intended int64, s *schedule) {
	if a.err != nil {
		c.look(ctx, a)
	}
	c.home = cmp.Or(a.node, c.home)
	if a.session != 0 && a.session != c.session {
		c.session, c.wrote = a.session, 0 // another one after the first has expired
	}
	c.record = record{
		op: history.Op{
			Client: c.id, Session: c.session, Kind: r.kind, Key: r.key, Value: r.value,
			Version: a.version, Position: a.position, Node: a.node, Start: start,
			Status: a.status, Expect: r.expect,
			Seq: a.seq, Delta: r.delta, Sum: a.sum, After: c.wrote, Because: a.because,
		},
		intended: min(intended, start), err: a.err,
		home: c.home,
	}
	// An error counts when it comes: what it was about may have begun long ago.
	if s != nil && (intended >= s.count || a.err != nil && c.clock.now() >= s.count) {
		c.record.counts, c.record.from, c.record.until = true, s.count, s.end
	}
	if r.kind.IsRead() {
		c.record.op.Value = a.value
	} else {
		c.wrote = max(c.wrote, a.seq)
	}
	c.logbook.end(&c.record)
	c.chooser.learn(r, a)
}

// look finds out whether an error is that of a group that lost its state, and
// says why the client was ended, if it was.
func (c *worker) look(ctx context.Context, a *answer) {
	if errors.Is(a.err, driver.ErrGeneration) {
		c.watch.forget(0)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ctx.Err()) {
		a.err = fmt.Errorf("%w: %w", cause, a.err)
	}
}
