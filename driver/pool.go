package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// pool holds the connections of a handle, all to one server while that is well.
//
// The usual way to a connection takes no lock: the first link that is below its
// limit. Another connection is opened only when all are at their limits; when no
// more may be opened, callers wait, first come first served.
type pool struct {
	source   source
	failFast bool            // no server that can be connected to is an error at once
	secret   wire.Secret     // that its connections show: the sessions of its handles are theirs alone
	ctx      context.Context // ends with the pool
	cancel   context.CancelFunc
	workers  sync.WaitGroup
	links    atomic.Pointer[[]*link] // not retired; written under mu
	waiting  atomic.Int64            // len(waiters)
	failOver atomic.Uint64
	maxIdle  atomic.Int64 // limits.maxIdle, to be read without mu
	maxValue atomic.Int64 // limit of the latest link's node; 0: not known, or no limit

	mu         sync.Mutex       // guards all below
	waiters    []*waiter        // first come first
	draining   []*link          // retired, not closed yet
	bound      *session.Binding // of the links
	server     string           // of the latest link
	connecting bool
	stopOnly   context.CancelFunc // while another connection to server is made; gives that up
	pace       session.Pace
	closed     bool
	lastErr    error // of connecting, until it succeeds
	limits     limits
	sweeper    *time.Timer
	waits      uint64
	waited     time.Duration
}

// limits are a pool's settings.
type limits struct {
	maxOpen     int // 0: no limit
	maxIdle     int
	maxLifetime time.Duration // 0: no limit
	maxIdleTime time.Duration // 0: no limit
}

// waiter is a caller that waits for a connection.
type waiter struct {
	got chan grant // receives one
}

// grant is a link on which a request has begun, or why there will be none.
type grant struct {
	link *link
	err  error
}

func newPool(source source, l limits) *pool {
	p := &pool{source: source, limits: l, secret: newSecret()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.links.Store(new([]*link))
	p.maxIdle.Store(int64(l.maxIdle))
	return p
}

// pick returns a link on which it has begun a request, or nil if no link is free or
// other callers wait.
func (p *pool) pick() *link {
	if p.waiting.Load() != 0 {
		return nil
	}
	for _, l := range *p.links.Load() {
		if l.begin() {
			return l
		}
	}
	return nil
}

// get returns a link on which it has begun a request. It blocks until one is free, ctx
// is done, or h, if it is not nil, is closed.
func (p *pool) get(ctx context.Context, h *handle) (*link, error) {
	if l := p.pick(); l != nil {
		return l, nil
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	w := &waiter{got: make(chan grant, 1)}
	p.waiters = append(p.waiters, w)
	p.waiting.Add(1)
	// put looks for waiters after it has ended a request. So either it sees this
	// waiter, or serveLocked sees the place that it has freed.
	p.serveLocked()
	var began time.Time
	if len(w.got) == 0 && p.fullLocked() {
		p.waits++
		began = time.Now()
	}
	p.mu.Unlock()

	own, whole := h.ends()
	var cause error
	select {
	case g := <-w.got:
		p.waitEnded(began)
		return g.link, g.err
	case <-ctx.Done():
		cause = ctx.Err()
	case <-own:
		cause = ErrClosed
	case <-whole:
		cause = ErrClosed
	}
	p.waitEnded(began)
	return nil, p.leave(w, cause)
}

// connected reports whether there is a connection to be used.
func (p *pool) connected() bool { return len(*p.links.Load()) > 0 }

// waitEnded counts the time of a wait, if there was one.
func (p *pool) waitEnded(began time.Time) {
	if began.IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited += time.Since(began)
}

// leave takes a waiter out of the queue and returns cause, with why there was
// no connection. A link that it was given in the meantime goes to the next.
func (p *pool) leave(w *waiter, cause error) error {
	p.mu.Lock()
	i := slices.Index(p.waiters, w)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
		p.waiting.Add(-1)
	}
	if p.lastErr != nil {
		cause = fmt.Errorf("%w (%w)", cause, p.lastErr)
	}
	p.mu.Unlock()
	if i < 0 {
		if g := <-w.got; g.link != nil {
			p.put(g.link)
		}
	}
	return cause
}

// put gives a link back.
func (p *pool) put(l *link) {
	if l.limit == 0 {
		return
	}
	idle := l.inFlight.Load() == 1
	if idle {
		l.idleSince.Store(steady(time.Now()))
	}
	l.end()
	if p.waiting.Load() != 0 {
		p.mu.Lock()
		p.serveLocked()
		p.mu.Unlock()
	} else if idle && int64(len(*p.links.Load())) > p.maxIdle.Load() {
		p.sweep()
	}
}

// fullLocked reports whether callers have to wait for other callers' requests.
func (p *pool) fullLocked() bool {
	open := len(*p.links.Load())
	return open > 0 && p.limits.maxOpen > 0 && open >= p.limits.maxOpen
}

// serveLocked gives free links to waiters, and opens a connection if some are left.
func (p *pool) serveLocked() {
	for _, l := range *p.links.Load() {
		for len(p.waiters) > 0 && l.begin() {
			p.grantLocked(grant{link: l})
		}
	}
	if len(p.waiters) == 0 || p.connecting || p.closed || p.fullLocked() {
		return
	}
	p.connecting = true
	p.workers.Go(p.connect)
}

// grantLocked gives the first waiter what it waits for.
func (p *pool) grantLocked(g grant) {
	p.waiters[0].got <- g
	p.waiters = slices.Delete(p.waiters, 0, 1)
	p.waiting.Add(-1)
}

// giveUpServer retires the link and all others to its server, which failed or is
// leaving. Other servers are tried first for a while. Requests in flight on the links
// may still be answered.
func (p *pool) giveUpServer(l *link) {
	if l.retired.Load() {
		return
	}
	p.source.avoid(l.server)
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.retired.Load() {
		return // another caller was quicker
	}
	p.pace.Lost(time.Now(), time.Since(l.created), rand.Float64())
	p.retireLocked(func(other *link) bool { return other == l || (l.server != "" && other.server == l.server) })
	if p.stopOnly != nil && len(*p.links.Load()) == 0 {
		p.stopOnly()
	}
	p.serveLocked()
}

// retireLocked takes links out of the pool. Each is closed when its last
// request has ended.
func (p *pool) retireLocked(which func(*link) bool) {
	links := slices.Clone(*p.links.Load())
	var gone []*link
	links = slices.DeleteFunc(links, func(l *link) bool {
		if !which(l) {
			return false
		}
		gone = append(gone, l)
		return true
	})
	p.links.Store(&links)
	p.draining = slices.DeleteFunc(p.draining, (*link).isClosed)
	for _, l := range gone {
		l.retire()
		if !l.isClosed() {
			p.draining = append(p.draining, l)
		}
	}
}

// close closes all connections, also those with requests in flight. All waiters get
// ErrClosed.
func (p *pool) close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.workers.Wait()
		return nil
	}
	p.closed = true
	p.cancel()
	if p.sweeper != nil {
		p.sweeper.Stop()
	}
	for len(p.waiters) > 0 {
		p.grantLocked(grant{err: ErrClosed})
	}
	p.retireLocked(func(*link) bool { return true })
	draining := p.draining
	p.draining = nil
	p.mu.Unlock()
	var errs []error
	for _, l := range draining {
		errs = append(errs, l.shut())
	}
	p.workers.Wait()
	return errors.Join(errs...)
}
