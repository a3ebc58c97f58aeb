package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// connect opens one connection for those who wait. It goes on until it
// succeeds, nobody waits any more, or trying again would not help.
func (p *pool) connect() {
	for {
		p.mu.Lock()
		if len(p.waiters) == 0 || p.closed || p.fullLocked() {
			p.connecting = false
			p.mu.Unlock()
			return
		}
		if wait := p.pace.Wait(time.Now()); wait > 0 {
			p.mu.Unlock()
			_ = client.Sleep(p.ctx, wait) // the next round sees that the pool is closed
			continue
		}
		bound, only := p.bound, ""
		ctx, cancel := context.WithCancel(p.ctx)
		if len(*p.links.Load()) > 0 {
			only = p.server
			p.stopOnly = cancel
		}
		p.mu.Unlock()

		conn, server, err := p.source.connect(ctx, bound, only)
		final := p.settle(ctx, conn, server, err)
		cancel()
		if final {
			return
		}
	}
}

// settle takes the outcome of connecting within ctx, and reports whether it is
// final.
func (p *pool) settle(ctx context.Context, conn wire.Conn, server string, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopOnly = nil
	if ctx.Err() != nil && !p.closed {
		// The server failed meanwhile: any other will do.
		if err == nil {
			_ = conn.Close() // nobody has used it
		}
		return false
	}
	if err != nil {
		p.lastErr = err
		final := permanent(err) || p.failFast && refused(err)
		if !final || p.closed || len(*p.links.Load()) > 0 {
			p.pace.Refused(time.Now(), rand.Float64())
			return false
		}
		for len(p.waiters) > 0 {
			p.grantLocked(grant{err: permanentError(err)})
		}
		p.connecting = false
		return true
	}
	p.connecting = false
	if p.closed {
		_ = conn.Close() // the pool is closed: no caller is left for the error
		return true
	}
	p.lastErr = nil
	p.adoptLocked(conn, server)
	p.serveLocked()
	return true
}

// permanentError is what an operation returns when no server can be spoken to.
func permanentError(err error) error {
	switch {
	case errors.Is(err, wire.ErrNodeClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case permanent(err) && errors.Is(err, wire.ErrVersion):
		return fmt.Errorf("%w: %w", ErrVersion, err)
	case permanent(err):
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	default:
		return &refusedError{err}
	}
}

// adoptLocked takes a new connection in. Links that belong to something else
// are given up.
func (p *pool) adoptLocked(conn wire.Conn, server string) {
	info := conn.Info()
	if of := bindingOf(info); p.bound == nil || *p.bound != of {
		p.bound = &of
		p.retireLocked(func(*link) bool { return true })
	}
	if p.server != "" && p.server != server {
		p.failOver.Add(1)
		p.retireLocked(func(*link) bool { return true })
	}
	p.server = server
	p.maxValue.Store(int64(info.MaxValueBytes))
	if b, ok := conn.(wire.Bounded); ok {
		conn = b.Within(p.ctx, processName(), p.secret)
	}
	l := newLink(conn, server, p.bound)
	links := append(slices.Clone(*p.links.Load()), l)
	p.links.Store(&links)
	p.sweepLaterLocked()
	if r, ok := conn.(interface{ Retired() <-chan struct{} }); ok {
		p.workers.Go(func() {
			select {
			case <-r.Retired():
				p.giveUpServer(l)
			case <-l.closed:
			}
		})
	}
}
