package driver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// epochsPerTimeout is how many contexts a timeout is shared out to.
const epochsPerTimeout = 8

// patience gives operations whose context never ends one that does, after the
// handle's timeout. All that begin at about the same time share one, since a
// timer each would cost more than most operations do. So they have the timeout,
// and up to an eighth more.
type patience struct {
	timeout time.Duration
	shared  atomic.Pointer[context.Context] // nil: none yet, or too old

	mu      sync.Mutex // guards all below
	parent  context.Context
	expires *time.Timer // makes shared nil
}

// context returns a context that ends.
func (p *patience) context() context.Context {
	if ctx := p.shared.Load(); ctx != nil {
		return *ctx
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx := p.shared.Load(); ctx != nil {
		return *ctx
	}
	epoch := p.timeout / epochsPerTimeout
	// Its timer ends it; before, only the handle's end does.
	ctx, cancel := context.WithTimeout(p.parent, p.timeout+epoch)
	context.AfterFunc(ctx, cancel)
	p.shared.Store(&ctx)
	if p.expires == nil {
		p.expires = time.AfterFunc(epoch, func() { p.shared.Store(nil) })
	} else {
		p.expires.Reset(epoch)
	}
	return ctx
}

// stop ends the timer. The contexts end with the handle.
func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.expires != nil {
		p.expires.Stop()
	}
}

// bounded gives a context without a deadline that of the handle's timeout.
// cancel is nil when there is nothing to cancel.
func (db *DB) bounded(ctx context.Context) (_ context.Context, cancel context.CancelFunc) {
	if ctx.Done() == nil {
		return db.patience.context(), nil
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, nil
	}
	return context.WithTimeout(ctx, db.timeout)
}

// soon is bounded where it costs nothing.
func (db *DB) soon(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return db.patience.context()
	}
	return ctx
}
