package driver

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxKeyBytes is the longest key.
const maxKeyBytes = 1024

// Value is what a variable held.
type Value struct {
	// Data is shared and must not be changed. It stays as it is.
	Data []byte

	// Version is the position in the group's order at which it was written.
	Version uint64
}

// ReadOption changes how a Get reads.
type ReadOption struct {
	strong bool
}

// Strong makes a read linearizable: it returns the value at or after every write
// that anybody had been told of before the read began. It waits for the group,
// like a write.
var Strong = ReadOption{strong: true}

func (h *handle) get(ctx context.Context, key string, options []ReadOption) (Value, error) {
	op := operation{handle: h, Operation: session.Operation{Kind: session.Get}, key: key}
	for _, o := range options {
		op.strong = op.strong || o.strong
	}
	trace := traceOf(ctx)
	reply, err := op.read(ctx)
	if trace != nil {
		trace.fill(&op, reply.Position)
	}
	if err != nil {
		return Value{}, err
	}
	return Value{Data: reply.Data, Version: reply.Version}, nil
}

// read does a get.
func (op *operation) read(ctx context.Context) (wire.Reply, error) {
	if err := op.handle.usable(); err != nil {
		return wire.Reply{}, err
	}
	if err := checkKey(op.key); err != nil {
		return wire.Reply{}, err
	}
	op.state = op.handle.state.Load()
	if w := op.state.writer; w.outstanding.Load() != 0 {
		if err := w.await(ctx); err != nil {
			return wire.Reply{}, err
		}
	}
	op.ctx = op.handle.db.soon(ctx)
	reply, err := op.run()
	if err == nil && reply.Status != wire.StatusOK {
		err = replyError(reply, &wire.Command{Key: op.key})
	}
	return reply, err
}

func (h *handle) set(ctx context.Context, key string, value []byte) (uint64, error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpSet, Key: key, Value: value})
	return positionOf(reply, err)
}

func (h *handle) delete(ctx context.Context, key string) (uint64, error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpDelete, Key: key})
	return positionOf(reply, err)
}

func (h *handle) add(ctx context.Context, key string, delta int64) (int64, error) {
	reply, err := h.write(ctx, wire.Command{Op: wire.OpAdd, Key: key, Delta: delta})
	if err != nil {
		return 0, err
	}
	return reply.Number, nil
}

func (h *handle) compareAndSet(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
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
	if err := checkKey(op.command.Key); err != nil {
		return wire.Reply{}, err
	}
	ctx, cancel := op.handle.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return wire.Reply{}, unavailable(err, nil)
	}
	var err error
	if op.state, _, err = op.handle.writing(ctx, &op.Operation); err != nil {
		return wire.Reply{}, err
	}
	op.ctx, op.writer = ctx, op.state.writer
	reply, err := op.run()
	op.writer.end(&op.Operation, err == nil)
	if err != nil {
		return wire.Reply{}, err
	}
	return reply, replyError(reply, &op.command)
}

func (h *handle) ping(ctx context.Context) error {
	if err := h.usable(); err != nil {
		return err
	}
	op := operation{handle: h, Operation: session.Operation{Kind: session.Ping}, ctx: h.db.soon(ctx), state: h.state.Load()}
	_, err := op.run()
	return err
}

// checkKey is ErrInvalidKey for a key that the group would not take.
func checkKey(key string) error {
	if len(key) == 0 || len(key) > maxKeyBytes || key[0] == 0 {
		return ErrInvalidKey
	}
	return nil
}
