package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// SetAsync is the asynchronous Set: it copies value, issues the write and returns. The
// writes of a session take effect in the order in which they are issued. Reads and
// synchronous writes of the session come after the asynchronous writes that were
// issued before them.
//
// SetAsync blocks while SetMaxAsync writes or 64 MiB of values are outstanding, and
// while the session is being opened for its first write, or until ctx is done. The
// Future returns every error, also that of ctx. The driver retries a write, whatever
// happens to servers and connections, for the time of the option timeout and at most
// an eighth more; ctx does not limit the retries. A write that fails does not stop
// later writes.
func (h *handle) SetAsync(ctx context.Context, key string, value []byte) *Future {
	return h.async(ctx, &Future{op: wire.OpSet, key: key, value: bytes.Clone(value)})
}

// DeleteAsync is the asynchronous Delete; see SetAsync.
func (h *handle) DeleteAsync(ctx context.Context, key string) *Future {
	return h.async(ctx, &Future{op: wire.OpDelete, key: key})
}

// AddAsync is the asynchronous Add; see SetAsync. The Future has the sum.
func (h *handle) AddAsync(ctx context.Context, key string, delta int64) *Future {
	return h.async(ctx, &Future{op: wire.OpAdd, key: key, operand: uint64(delta)})
}

// CompareAndSetAsync is the asynchronous CompareAndSet; see SetAsync. The Future
// returns a conflict.
func (h *handle) CompareAndSetAsync(ctx context.Context, key string, value []byte, version uint64) *Future {
	return h.async(ctx, &Future{op: wire.OpCompareAndSet, key: key, value: bytes.Clone(value), operand: version})
}

func (h *handle) async(ctx context.Context, f *Future) *Future {
	f.trace = traceOf(ctx)
	return h.issue(ctx, f)
}

// issue has a write sent after all that the session has issued before. If that is not
// possible, the future returns the error.
func (h *handle) issue(ctx context.Context, f *Future) *Future {
	f.handle, f.write.Kind = h, session.Write
	if err := h.tryIssue(ctx, f); err != nil {
		f.fail(err)
		f.finish()
	}
	return f
}

func (h *handle) tryIssue(ctx context.Context, f *Future) error {
	if err := checkKey(f.key); err != nil && f.op != wire.OpTxn {
		return err
	}
	for {
		if err := h.usable(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return h.unavailable(err, nil)
		}
		st := h.state.Load()
		waits, readiness, err := st.issue(h, f)
		switch {
		case err != nil:
			return err
		case waits != nil:
			select {
			case <-waits:
			case <-ctx.Done():
				return h.unavailable(ctx.Err(), errFull)
			}
		case readiness == session.Lost:
			h.expired()
			return ErrSessionExpired
		case readiness == session.Unopened:
			if err := h.openFor(ctx); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

var errFull = errors.New("driver: the limit of outstanding asynchronous writes is reached")

// issue takes a write, unless it returns why not: a channel to be waited for, or
// that the session is not ready. The state may be over, and another the handle's:
// then the channel is closed.
func (st *state) issue(h *handle, f *Future) (waits <-chan struct{}, r session.Readiness, err error) {
	w := st.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session.Blank() {
		return nil, session.Unopened, nil
	}
	if limit := h.db.pool.maxValue.Load(); limit > 0 && len(f.value) > int(limit) && f.op != wire.OpTxn {
		return nil, 0, ErrTooLarge
	}
	s := st.streamLocked(h)
	if s.over != nil {
		if errors.Is(s.over, ErrClosed) {
			return nil, 0, ErrClosed
		}
		return *alreadyEnded, 0, nil
	}
	if r = s.issueLocked(f); r != session.Full {
		return nil, r, nil
	}
	if s.room == nil {
		s.room = make(chan struct{})
	}
	return s.room, 0, nil
}

// openFor opens the session, for a write that has yet to be numbered.
func (h *handle) openFor(ctx context.Context) error {
	ctx, cancel := h.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	_, _, err := h.writing(ctx, nil)
	return err
}

// writeBehind does a write while asynchronous ones are outstanding: it takes its
// place behind them. If its context ends it is not withdrawn.
func (h *handle) writeBehind(ctx context.Context, cmd *wire.Command) (wire.Reply, error) {
	ctx, cancel := h.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	f := &Future{op: cmd.Op, key: cmd.Key, value: bytes.Clone(cmd.Value), operand: cmd.Expect}
	if cmd.Op == wire.OpAdd {
		f.operand = uint64(cmd.Delta)
	}
	f.awaited = true
	f.told.Store(true) // neither Flush nor Close has a part in it
	trace := traceOf(ctx)
	if trace != nil {
		f.trace = new(OpTrace) // the caller may use its own again if it does not wait
	}
	h.issue(ctx, f)
	select {
	case <-f.Done():
	case <-ctx.Done():
	}
	if !f.Ended() {
		return wire.Reply{}, fmt.Errorf("%w: %w (asynchronous writes before it are under way)", ErrOutcomeUnknown, h.gone(ctx.Err()))
	}
	if trace != nil {
		*trace = *f.trace
	}
	return f.reply, f.err
}

// await waits for what a read of the session, whose state st is, has to have seen.
func (h *handle) await(ctx context.Context, st *state) error {
	w := st.writer
	w.mu.Lock()
	var f *Future
	if w.stream != nil {
		f, _ = w.stream.writes.Awaited()
	}
	w.mu.Unlock()
	if f == nil {
		return nil
	}
	select {
	case <-f.Done():
		return nil
	case <-ctx.Done():
		return h.unavailable(ctx.Err(), errors.New("driver: asynchronous writes before it are under way"))
	}
}

// unended returns the asynchronous writes that have not ended.
func (w *writer) unended() []*Future {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stream == nil {
		return nil
	}
	return w.stream.writes.AppendOpen(nil)
}
