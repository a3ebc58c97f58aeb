package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

var (
	errReturnsOld = fmt.Errorf("%w: Set does not return the old value, GetAndSet does", ErrOption)
	errNoResult   = fmt.Errorf("%w: a write has no result", ErrProtocol)
)

// setIf is Set with options.
func (h *handle) setIf(ctx context.Context, key string, value []byte, options []WriteOption) (version uint64, err error) {
	op := Put(key, value, options...)
	o := &op.op
	versioned := o.If.Kind == wire.CondVersion && o.TTL == 0 && !o.Ephemeral
	switch {
	case op.err != nil:
		return 0, op.err
	case o.Old:
		return 0, errReturnsOld
	case versioned && (o.KeepTTL || o.If.Version == 0): // which CompareAndSet does, and earlier releases know
		return h.CompareAndSet(ctx, key, value, o.If.Version)
	}
	r, err := h.one(ctx, op)
	if versioned && errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrOutcomeUnknown) {
		// CompareAndSet keeps a TTL, but in such a group there is none.
		return h.CompareAndSet(ctx, key, value, o.If.Version)
	}
	return r.Position, err
}

// SetIfAbsent sets a variable that does not exist. If it exists, a *ConflictError is
// returned, which has its version.
func (h *handle) SetIfAbsent(ctx context.Context, key string, value []byte) (version uint64, err error) {
	return h.CompareAndSet(ctx, key, value, 0)
}

// Append appends a copy of value to a variable, and returns its length from then on. A
// variable that does not exist counts as empty. If it would become larger than the group
// allows, ErrTooLarge is returned. A TTL that the variable has stays, unless there is another
// among the options.
func (h *handle) Append(ctx context.Context, key string, value []byte, options ...WriteOption) (length int, err error) {
	r, err := h.one(ctx, App(key, value, options...))
	if err != nil {
		return 0, err
	}
	return int(r.Ops[0].Number), nil
}

// GetAndSet sets a variable, and returns the value from before, of version 0 if it did not
// exist. A TTL is taken away, as by Set.
func (h *handle) GetAndSet(ctx context.Context, key string, value []byte, options ...WriteOption) (old Value, err error) {
	return h.old(ctx, Put(key, value, options...))
}

// GetAndDelete deletes a variable, and returns the value from before. If there is no such
// variable, ErrNotFound is returned.
func (h *handle) GetAndDelete(ctx context.Context, key string, options ...WriteOption) (old Value, err error) {
	old, err = h.old(ctx, Del(key, options...))
	if err == nil && old.Version == 0 {
		err = ErrNotFound
	}
	return old, err
}

// old does an Op, and returns the value from before.
func (h *handle) old(ctx context.Context, op Op) (Value, error) {
	op.op.Old = true
	r, err := h.one(ctx, op)
	if err != nil {
		return Value{}, err
	}
	return r.Ops[0].Value, nil
}

// one does an Op alone, whose error needs no number.
func (h *handle) one(ctx context.Context, op Op) (TxnResult, error) {
	r, err := h.Batch(ctx, op)
	if of := new(TxnError); errors.As(err, &of) {
		return r, of.Err
	}
	if err == nil && len(r.Ops) != 1 {
		return r, errNoResult
	}
	return r, err
}
