package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// MaxTTL is the longest TTL, a hundred years.
const MaxTTL = wire.MaxTTL * time.Millisecond

// TTL is an option of Put, Inc and App, and of the methods that they stand for: the
// variable expires when d has passed since the write, unless a later write changes that. d is
// above 0 and at most MaxTTL; part of a millisecond counts as a whole one. See [DB.Expire]
// for what it means that a variable expires.
func TTL(d time.Duration) WriteOption {
	var w WriteOption
	w.ttl, w.err = ttlMillis(d)
	return w
}

// KeepTTL is an option of Put, Set and GetAndSet, which otherwise take a variable's TTL
// away: what is left of it stays. Inc, App and CompareAndSet keep it anyway.
var KeepTTL = WriteOption{keep: true}

// Expire gives a variable a TTL, in place of the one that it has, as [DB.Expire] does. If
// there is no such variable, it does nothing: the result says so.
func Expire(key string, ttl time.Duration, options ...WriteOption) Op {
	millis, err := ttlMillis(ttl)
	op := newOp(wire.TxnOp{Kind: wire.TxnExpire, Key: key, TTL: millis}, options)
	if op.err == nil && err != nil {
		op.err = impossible(key, err)
	}
	return op
}

// Persist takes a variable's TTL away, so that it stays. If there is no such variable, or it
// has no TTL, it does nothing.
func Persist(key string, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnPersist, Key: key}, options)
}

// Left looks at what is left of a variable's TTL: see [OpResult.Left].
func Left(key string, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnTTL, Key: key}, options)
}

// Left returns what a Left has found: what is left of the variable's TTL, 0 if it is about
// to expire. ok is false if the variable has no TTL, or if there is no such variable.
func (r *OpResult) Left() (left time.Duration, ok bool) {
	if !r.Found || r.Number == wire.NoTTL {
		return 0, false
	}
	return time.Duration(r.Number) * time.Millisecond, true
}

// Expire gives a variable a TTL, in place of the one that it has: when ttl has passed since
// this write, the variable expires, unless a later write changes that. If there is no such
// variable, ErrNotFound is returned. A condition, such as IfVersion, may be given.
//
// A variable that expires is deleted, at one position on all replicas; watches return
// EventExpire. It never expires early, and by some 50 ms late. While the group cannot order
// anything, its time stands still, and what is left of a TTL stays as it is.
func (h *handle) Expire(ctx context.Context, key string, ttl time.Duration, options ...WriteOption) error {
	_, err := h.existing(ctx, Expire(key, ttl, options...))
	return err
}

// Persist takes a variable's TTL away, so that it stays. That it has none is not an error. If
// there is no such variable, ErrNotFound is returned. A condition may be given.
func (h *handle) Persist(ctx context.Context, key string, options ...WriteOption) error {
	_, err := h.existing(ctx, Persist(key, options...))
	return err
}

// TTL returns what is left of a variable's TTL. ok is false if the variable has none. If
// there is no such variable, ErrNotFound is returned. The group answers in its order, so TTL
// sees every write that was acknowledged before it, and costs as much as one.
func (h *handle) TTL(ctx context.Context, key string) (left time.Duration, ok bool, err error) {
	r, err := h.existing(ctx, Left(key))
	if err != nil {
		return 0, false, err
	}
	left, ok = r.Left()
	return left, ok, nil
}

// existing does an Op on a variable that must exist.
func (h *handle) existing(ctx context.Context, op Op) (OpResult, error) {
	if op.err == nil && op.op.Old {
		op.err = impossible(op.op.Key, errNotReturned)
	}
	r, err := h.one(ctx, op)
	switch {
	case err != nil:
		return OpResult{}, err
	case !r.Ops[0].Found:
		return OpResult{}, ErrNotFound
	}
	return r.Ops[0], nil
}

// The reasons for which options of time are impossible.
var (
	errNotReturned = errors.New("the old value is not returned")
	errTTLRange    = fmt.Errorf("must be above 0 and at most %v, a hundred years", MaxTTL)
	errTwoTTLs     = errors.New("more than one TTL")
	errTTLMisused  = errors.New("it does not take a TTL")
	errKeepMisused = errors.New("KeepTTL is for Put, Set and GetAndSet")
	errKeepAndTTL  = errors.New("both TTL and KeepTTL")
	errKeepNothing = errors.New("KeepTTL of a variable that does not exist")
)

// ttlMillis is a TTL in milliseconds, rounded up.
func ttlMillis(d time.Duration) (uint64, error) {
	if d <= 0 || d > MaxTTL {
		return 0, fmt.Errorf("the TTL %v %w", d, errTTLRange)
	}
	return uint64((d + time.Millisecond - 1) / time.Millisecond), nil
}

// addTime makes an option of time one of an operation.
func (w *WriteOption) addTime(op *wire.TxnOp) error {
	switch {
	case w.err != nil:
		return w.err
	case w.ttl == 0 && !w.keep:
		return nil
	case w.ttl > 0 && !op.Kind.MayTTL():
		return errTTLMisused
	case w.ttl > 0 && op.TTL > 0:
		return errTwoTTLs
	case w.keep && !op.Kind.MayKeepTTL():
		return errKeepMisused
	case w.ttl > 0:
		op.TTL = w.ttl
	default:
		op.KeepTTL = true
	}
	if op.TTL > 0 && op.KeepTTL {
		return errKeepAndTTL
	}
	return nil
}

// checkTime returns why the options of an operation do not go together, once all are there.
func checkTime(op *wire.TxnOp) error {
	if op.KeepTTL && op.Ephemeral {
		return errKeepAndOwn
	}
	if op.KeepTTL && op.If.Kind == wire.CondVersion && op.If.Version == 0 {
		return errKeepNothing
	}
	return nil
}
