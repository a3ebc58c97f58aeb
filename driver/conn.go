package driver

import (
	"context"
	"errors"
)

// Conn is a session of its own on a DB's connections. It reads and writes like the DB,
// and its methods may be called by many goroutines. Close it after use: until then, or
// until it is garbage collected, the DB renews its session in the group, which limits
// the sessions of each client.
type Conn struct {
	*handle
}

// Close ends the session. An operation whose request a server has may still be
// answered; one that waits for anything else, or that would have to be tried again,
// returns ErrClosed, and ErrOutcomeUnknown too if it is a write that was sent. So do
// the Futures of asynchronous writes that are outstanding, and Close returns an
// *AbandonedError with their number: call Flush before Close to wait for them. Close
// also returns the first error of an asynchronous write that neither a Wait nor a
// Flush has returned.
//
// Close spends at most a second on closing the session in the group, which
// otherwise expires there. A second Close waits for the first, and returns the same
// error.
func (c *Conn) Close() error {
	h := c.handle
	if !h.closed.Swap(true) {
		h.ended.is(h.close())
	}
	return h.ended.wait()
}

func (h *handle) close() error {
	close(h.done)
	untold := h.failures.take()
	h.db.streams.closeOf(h)
	h.db.keeper.drop(h)
	if !h.db.closing.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		h.end(ctx)
		cancel()
	}
	return errors.Join(h.abandoned.err(), untold)
}
