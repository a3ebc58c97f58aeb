package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// yieldEvery is after how many operations a client lets others run. One that
// reads from a replica in its own process never waits, and a few dozen such
// would keep the processors from the nodes they wait for in turn.
const yieldEvery = 16

// Book is where a client notes what it does.
type Book interface {
	// Begin notes that an operation begins, and returns when.
	Begin() int64
	// End notes what became of the oldest operation under way, and when it ended, in r.Op.End.
	End(r *Record)
}

// Worker is one client: a session at work.
type Worker struct {
	ID       int    // from 0
	clients  int    // of the load
	Home     string // node that the client is bound to, or that answered last
	clock    Clock
	book     Book
	chooser  Chooser
	pipeline *pipeline // of asynchronous writes; nil: it waits for each

	Ctx     context.Context // of its operations
	memory  Memory          // nil until it is opened
	session uint64
	wrote   uint64 // number of the last write in it
	request Request
	answer  Answer
	record  Record
	begun   int64 // operations of the schedule that were begun, or skipped
	Skipped int64 // due in the warm-up, and not begun when it ended
}

// preload writes the client's share of the variables.
func (c *Worker) preload(ctx context.Context, keys int) error {
	for key := c.ID; key < keys; key += c.clients {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.chooser.Preload(&c.request, key)
		c.do(ctx, atOnce, nil)
		if c.answer.Status != history.OK {
			return fmt.Errorf("bench: preloading %q: %w", c.request.Key, c.refused())
		}
	}
	return nil
}

// refused is why the last operation did not succeed, also if the state of the variables
// explains it.
func (c *Worker) refused() error {
	if c.answer.Because == history.Quota {
		return errNoRoom
	}
	return c.answer.Err
}

// errNoRoom says that a load cannot begin.
var errNoRoom = errors.New("the quota of the group is too small for all variables: raise it, use fewer or smaller ones, or use --workload fill")

// prepare does the client's share of what its Chooser has to prepare.
func (c *Worker) prepare(ctx context.Context) error {
	p, ok := c.chooser.(Preparer)
	if !ok {
		return nil
	}
	for ctx.Err() == nil && p.Prepare(&c.request) {
		c.do(ctx, atOnce, nil)
		if c.answer.Status != history.OK {
			return fmt.Errorf("bench: preparing the load: %w", c.refused())
		}
	}
	return ctx.Err()
}

// atOnce is when an operation should begin that no schedule wants: when it does.
const atOnce = math.MaxInt64

// closedLoop asks for the next thing when it has the answer to the last, until
// the schedule's end or until stop ends. Operations are bound to ctx alone, so
// that the last ones can finish.
func (c *Worker) closedLoop(ctx, stop context.Context, s *Schedule) {
	defer func() { c.land(ctx, 0) }()
	now := c.clock.Now()
	for n := 1; now < s.End && stop.Err() == nil && ctx.Err() == nil; n++ {
		c.chooser.Next(&c.request)
		c.perform(ctx, atOnce, s)
		if now = c.record.Op.End; c.pipeline != nil {
			now = c.clock.Now() // the record may be that of a write long ago
		}
		if n%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// openLoop begins operations when the schedule says, or as soon after as it
// can: with m clients at a rate of r, client i begins its n-th operation
// (i + n*m) / r seconds after the beginning. What the warm-up has left behind is
// skipped when it ends, lest it take the time that counts.
func (c *Worker) openLoop(ctx, stop context.Context, s *Schedule) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() { c.land(ctx, 0) }()
	for {
		now := c.clock.Now()
		if now >= s.Count && c.intended(s) < s.Count {
			c.Skipped = c.NotBegun(s, s.Count)
		}
		intended := c.intended(s)
		if intended >= s.End || stop.Err() != nil || ctx.Err() != nil {
			return
		}
		if now >= s.End {
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
		c.chooser.Next(&c.request)
		c.perform(ctx, intended, s)
	}
}

// intended is when the next operation should begin.
func (c *Worker) intended(s *Schedule) int64 {
	nth := float64(c.ID) + float64(c.begun)*float64(c.clients)
	return s.Begin + int64(nth/s.Rate*float64(time.Second))
}

// NotBegun is how many operations were due before end and never begun.
func (c *Worker) NotBegun(s *Schedule, end int64) int64 {
	n := int64(0)
	for ; c.intended(s) < end; n++ {
		c.begun++
	}
	return n
}

// do carries out the request, and notes it. Without a schedule it does not
// count.
func (c *Worker) do(ctx context.Context, intended int64, s *Schedule) {
	c.answer = Answer{}
	start := c.book.Begin()
	c.memory.Do(ctx, &c.request, &c.answer)
	c.land(ctx, 0) // what it has waited for has ended before it
	c.note(ctx, &c.request, &c.answer, start, intended, s)
}

// note notes what became of the oldest operation under way.
func (c *Worker) note(ctx context.Context, r *Request, a *Answer, start, intended int64, s *Schedule) {
	if a.Err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ctx.Err()) {
			a.Err = fmt.Errorf("%w: %w", cause, a.Err) // why the client was ended
		}
	}
	intended = min(intended, start)
	c.Home = cmp.Or(a.Node, c.Home)
	if a.Session != 0 && a.Session != c.session {
		c.session, c.wrote = a.Session, 0 // another one after the first has expired
	}
	c.record = Record{
		Op: history.Op{
			Client: c.ID, Session: c.session, Kind: r.Kind, Key: r.Key, Value: r.Value,
			Version: a.Version, Position: a.Position, Node: a.Node, Start: start,
			Status: a.Status, Expect: r.Expect,
			Seq: a.Seq, Delta: r.Delta, Sum: a.Sum, After: c.wrote, Because: a.Because, Results: a.Results,
		},
		Intended: intended, Err: a.Err,
		Home: c.Home,
	}
	// An error counts when it comes: what it was about may have begun long ago.
	if s != nil && (intended >= s.Count || a.Err != nil && c.clock.Now() >= s.Count) {
		c.record.Counts, c.record.From, c.record.Until = true, s.Count, s.End
	}
	switch {
	case r.Kind.IsScan():
		c.record.Op.Scan = &history.Scan{To: r.Scan.To, Reverse: r.Scan.Reverse, Limit: r.Scan.Limit, Items: a.Items, Found: a.Found}
	case r.Kind.IsRead():
		c.record.Op.Value = a.Value
	default:
		c.wrote = max(c.wrote, a.Seq)
	}
	c.book.End(&c.record)
	c.chooser.Learn(r, a)
}
