package driver

import (
	"context"
	"time"
)

// sleep waits for d, or until the context ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	return (*handle)(nil).sleep(ctx, d)
}

// sleep waits for d. If the context ends or the handle, which may be nil, is closed
// before, it returns the context's error or ErrClosed.
func (h *handle) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	own, whole := h.ends()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-own:
		return ErrClosed
	case <-whole:
		return ErrClosed
	}
}

// ends returns the channels that the Close of a handle and that of its DB close.
// Those of nil are never closed.
func (h *handle) ends() (own, whole <-chan struct{}) {
	if h == nil {
		return nil, nil
	}
	return h.done, h.db.main.done
}
