package driver

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Set sets a variable to a copy of value, and returns its version. With one of IfVersion,
// IfAbsent, IfPresent and IfValue it does so only if that holds, and returns a
// *ConflictError if not. With TTL, the variable expires; a TTL from before is taken away,
// unless there is KeepTTL.
func (h *handle) Set(ctx context.Context, key string, value []byte, options ...WriteOption) (version uint64, err error) {
	if len(options) > 0 {
		return h.setIf(ctx, key, value, options)
	}
	reply, err := h.write(ctx, wire.Command{Op: wire.OpSet, Key: key, Value: value})
	return positionOf(reply, err)
}

// Delete deletes a variable and returns the position of the delete. If there is no
// such variable, ErrNotFound is returned.
func (h *handle) Delete(ctx context.Context, key string) (version uint64, err error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpDelete, Key: key})
	return positionOf(reply, err)
}

// Add adds delta to a counter and returns the sum. A counter is a variable that holds
// the decimal text of an int64; a variable that does not exist counts as 0. If the
// value is not an integer or the sum overflows, Add changes nothing and returns
// ErrNotInteger or ErrOverflow. A TTL that the variable has stays.
func (h *handle) Add(ctx context.Context, key string, delta int64) (sum int64, err error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpAdd, Key: key, Delta: delta})
	if err != nil {
		return 0, err
	}
	return reply.Number, nil
}

// CompareAndSet sets a variable like Set, if it still has the given version. With
// version 0, the variable must not exist. If the version differs, a *ConflictError is
// returned. Unlike Set, it leaves the variable the TTL that it has.
func (h *handle) CompareAndSet(ctx context.Context, key string, value []byte, version uint64) (newVersion uint64, err error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpCompareAndSet, Key: key, Value: value, Expect: version})
	return positionOf(reply, err)
}

// positionOf is the position of a write that took effect.
func positionOf(reply wire.Reply, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	return reply.Position, nil
}

func (h *handle) write(ctx context.Context, cmd wire.Command) (wire.Reply, error) {
	if h.state.Load().writer.outstanding.Load() != 0 {
		return h.writeBehind(ctx, &cmd)
	}
	op := operation{handle: h, Operation: session.Operation{Kind: session.Write}, command: cmd}
	trace := traceOf(ctx)
	reply, err := op.write(ctx)
	if trace != nil {
		trace.fill(&op, reply.Position)
	}
	return reply, err
}

// write does a write. The reply is there also when the error is that of a
// command without effect.
func (op *operation) write(ctx context.Context) (wire.Reply, error) {
	if err := op.handle.usable(); err != nil {
		return wire.Reply{}, err
	}
	if err := checkKey(op.command.Key); err != nil && op.command.Op != wire.OpTxn {
		return wire.Reply{}, err
	}
	ctx, cancel := op.handle.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return wire.Reply{}, op.handle.unavailable(err, nil)
	}
	var err error
	if op.state, _, err = op.handle.writing(ctx, &op.Operation); err != nil {
		return wire.Reply{}, err
	}
	op.ctx, op.writer = ctx, op.state.writer
	reply, err := op.run()
	op.writer.end(&op.Operation)
	if err != nil {
		if errors.Is(err, ErrSessionExpired) {
			op.handle.expired()
		}
		return wire.Reply{}, err
	}
	err = replyError(reply, &op.command)
	if reply.Status == wire.StatusUnsupported {
		err = op.uncertain(err) // another node may have taken it, in a later view
	}
	return reply, err
}

// Ping checks that a server answers, and connects to one if necessary.
func (h *handle) Ping(ctx context.Context) error {
	if err := h.usable(); err != nil {
		return err
	}
	op := operation{handle: h, Operation: session.Operation{Kind: session.Ping}, ctx: h.db.soon(ctx), state: h.state.Load()}
	_, err := op.run()
	return err
}

// checkKey is ErrInvalidKey for a key that the group would not take.
func checkKey(key string) error {
	if len(key) == 0 || len(key) > wire.MaxKeyBytes || key[0] == 0 {
		return ErrInvalidKey
	}
	return nil
}
