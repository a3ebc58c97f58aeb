package load

import (
	"context"
	"fmt"
	"math"
	"sync"
)

// sessionsAtATime is how many sessions are opened, or closed, at once.
const sessionsAtATime = 64

// Clients are the clients of a load.
type Clients []*Worker

// NewClients returns clients without sessions. bookOf gives each its book.
func NewClients(n, async int, clock Clock, keys *Keyspace, bookOf func(client int) Book) Clients {
	cs := make(Clients, n)
	for i := range cs {
		cs[i] = &Worker{
			ID: i, clients: n, clock: clock, book: bookOf(i), chooser: keys.chooser(i), pipeline: newPipeline(async),
		}
	}
	return cs
}

// Start opens clients with one book, whose clock it is, which have the keys preloaded, and has them work
// without pause until the function returned is called. That ends what is under way, and
// closes their sessions.
func Start(ctx context.Context, n int, clock Clock, from Source, keys *Keyspace, book Book) (stop func(), err error) {
	cs := NewClients(n, 0, clock, keys, func(int) Book { return book })
	end := func() { cs.Close(func(int, error) {}) } // a session that is not closed expires
	if err := cs.Open(ctx, from); err != nil {
		end()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, c := range cs {
		c.Ctx = ctx
		running.Go(func() { c.closedLoop(ctx, ctx, &Schedule{End: math.MaxInt64}) })
	}
	return func() {
		cancel()
		running.Wait()
		end()
	}, nil
}

// Open opens the session of each client, some at a time, and returns the first error.
func (cs Clients) Open(ctx context.Context, from Source) error {
	errs := make([]error, len(cs))
	cs.each(sessionsAtATime, func(c *Worker) { errs[c.ID] = c.open(ctx, from) })
	if err := firstOf(errs); err != nil {
		return fmt.Errorf("bench: opening sessions: %w", err)
	}
	return nil
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Worker) open(ctx context.Context, from Source) error {
	m, err := from.Open(ctx, c.ID)
	if err != nil {
		return err
	}
	c.memory = m
	c.session, err = m.Session(ctx)
	return err
}

// Close closes the sessions that were opened, some at a time. That one cannot be
// closed is no harm: it expires.
func (cs Clients) Close(failed func(client int, err error)) {
	cs.each(sessionsAtATime, func(c *Worker) {
		if c.memory == nil {
			return
		}
		if err := c.memory.Close(); err != nil {
			failed(c.ID, err)
		}
	})
}

// Preload has the clients write every variable once, and then do what else there is to
// prepare, until a context ends or one of them cannot.
func (cs Clients) Preload(ctx context.Context, keys int) error {
	errs := make([]error, len(cs))
	each := func(f func(c *Worker, ctx context.Context) error) error {
		cs.each(len(cs), func(c *Worker) {
			own, cancel := context.WithCancel(c.Ctx)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			errs[c.ID] = f(c, own)
		})
		return firstOf(errs)
	}
	if err := each(func(c *Worker, ctx context.Context) error { return c.preload(ctx, keys) }); err != nil {
		return err
	}
	return each((*Worker).prepare)
}

// Run has the clients do what a schedule says until it ends, or stop does. Operations
// under way then are not broken off.
func (cs Clients) Run(stop context.Context, s *Schedule) {
	cs.each(len(cs), func(c *Worker) {
		if s.Rate > 0 {
			c.openLoop(c.Ctx, stop, s)
		} else {
			c.closedLoop(c.Ctx, stop, s)
		}
	})
}

// each does something for each client, with so many at a time.
func (cs Clients) each(atATime int, f func(*Worker)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, atATime)
	for _, c := range cs {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			f(c)
		})
	}
	group.Wait()
}
