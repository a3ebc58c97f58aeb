package driver

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Value is what a variable held.
type Value struct {
	// Data is shared and must not be changed: with an embedded replica it is the
	// replica's own memory. It stays as it is. To change it, copy it: see DB.Get.
	Data []byte

	// Version is the position in the group's order at which it was written.
	Version uint64
}

// ReadOption changes how a Get reads.
type ReadOption struct {
	strong bool
}

// Strong makes a read linearizable: it sees every write that was acknowledged to any
// client before the read began. It waits for the group, like a write.
var Strong = ReadOption{strong: true}

// Get returns the value of a variable, or ErrNotFound. The replica that the handle is
// connected to answers, at or after everything that the handle has seen. With Strong,
// a Get costs as much as a write.
//
// The bytes of the Value are shared. With an embedded replica they are the memory of
// the replica, and all readers of the process get the same bytes. Do not change them;
// copy them first with bytes.Clone to sort, reverse or decode them in place. The
// driver never changes them, so they may be kept. A program that changes them damages
// the replica. The replica then loads the state of another member, or continues with
// the damage if there is no other. To find such code, run the program with
// DSM_DEBUG=readonly in its environment, or with server.Config.ReadOnly: it crashes at
// the line that writes.
func (h *handle) Get(ctx context.Context, key string, options ...ReadOption) (Value, error) {
	if len(options) == 0 && traceOf(ctx) == nil {
		if value, ok := h.getLocal(ctx, key); ok {
			if value.Version == 0 {
				return Value{}, ErrNotFound
			}
			return value, nil
		}
	}
	return h.getAnywhere(ctx, key, options)
}

// getLocal reads from a replica in the process if there is nothing to wait for
// and nothing to complain of: what get would do at its first attempt, without what
// it would prepare for more. With ok false it has done nothing. A Version of 0
// says that there is no such variable.
func (h *handle) getLocal(ctx context.Context, key string) (value Value, ok bool) {
	links := *h.db.pool.links.Load()
	if len(links) == 0 || links[0].local == nil || links[0].retired.Load() {
		return Value{}, false
	}
	st := h.state.Load()
	if st.bound != links[0].bound || st.writer.outstanding.Load() != 0 || h.usable() != nil || checkKey(key) != nil || ctx.Err() != nil {
		return Value{}, false
	}
	seen := st.position.Load()
	data, version, reflects, ok := links[0].local.Get(key, seen)
	if !ok || reflects < seen {
		return Value{}, false
	}
	if reflects > seen {
		st.raise(reflects)
	}
	return Value{Data: data, Version: version}, true
}

// getAnywhere is get with all that it may take.
func (h *handle) getAnywhere(ctx context.Context, key string, options []ReadOption) (Value, error) {
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
	if op.reads == nil {
		if err := checkKey(op.key); err != nil {
			return wire.Reply{}, err
		}
	}
	op.state = op.handle.state.Load()
	if w := op.state.writer; w.outstanding.Load() != 0 {
		if err := op.handle.await(ctx, op.state); err != nil {
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
