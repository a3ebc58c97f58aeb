package driver

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Op is a write, or a read, of one variable: what a [DB.Batch], a [Txn] and [DB.Submit] do.
// Put, Del, Inc, App, Read, Expire, Persist and Left make Ops.
type Op struct {
	op  wire.TxnOp
	err error
}

// Put sets a variable to a copy of value. A TTL that it has is taken away, unless the Put has
// one of its own or KeepTTL.
func Put(key string, value []byte, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: bytes.Clone(value)}, options)
}

// Del deletes a variable. If there is no such variable, it does nothing: the result says so.
func Del(key string, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnDelete, Key: key}, options)
}

// Inc adds delta to a counter, as [DB.Add] does. Its result has the sum.
func Inc(key string, delta int64, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnAdd, Key: key, Delta: delta}, options)
}

// App appends a copy of value to a variable. A variable that does not exist counts as empty.
// Its result has the length from then on.
func App(key string, value []byte, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnAppend, Key: key, Value: bytes.Clone(value)}, options)
}

// Read reads a variable. Its result has the value, as the operations before it left it.
func Read(key string, options ...WriteOption) Op {
	return newOp(wire.TxnOp{Kind: wire.TxnRead, Key: key}, options)
}

func newOp(op wire.TxnOp, options []WriteOption) Op {
	o := Op{op: op, err: checkKey(op.Key)}
	for i := range options {
		if err := options[i].add(&o.op); err != nil && o.err == nil {
			o.err = impossible(op.Key, err)
		}
	}
	if err := checkTime(&o.op); err != nil && o.err == nil {
		o.err = impossible(op.Key, err)
	}
	return o
}

// impossible is the error of options for a variable.
func impossible(key string, err error) error { return fmt.Errorf("%w: %q: %w", ErrOption, key, err) }

// WriteOption changes what an Op does. The condition of an Op is one of IfVersion, IfAbsent,
// IfPresent and IfValue: if it does not hold, nothing is done, and the error is a
// *ConflictError. TTL, KeepTTL and Ephemeral say how long the variable stays, and ReturnOld has the
// result show what was there.
type WriteOption struct {
	cond wire.Cond
	old  bool
	keep bool   // KeepTTL
	own  bool   // Ephemeral
	ttl  uint64 // in milliseconds, 0: none
	err  error  // the option is impossible
}

// IfAbsent is the condition that there is no such variable.
var IfAbsent = WriteOption{cond: wire.Cond{Kind: wire.CondVersion}}

// IfPresent is the condition that there is such a variable.
var IfPresent = WriteOption{cond: wire.Cond{Kind: wire.CondPresent}}

// ReturnOld has the result of an Op return the version and the value from before it. That
// of a Read always has them.
var ReturnOld = WriteOption{old: true}

// IfVersion is the condition that the variable has a version. 0 is that of a variable that
// does not exist.
func IfVersion(version uint64) WriteOption {
	return WriteOption{cond: wire.Cond{Kind: wire.CondVersion, Version: version}}
}

// IfValue is the condition that the variable exists, and has a value.
func IfValue(value []byte) WriteOption {
	return WriteOption{cond: wire.Cond{Kind: wire.CondValue, Value: bytes.Clone(value)}}
}

// The reasons for which options do not go together.
var (
	errTwoConditions = errors.New("more than one condition")
	errOldOfRead     = errors.New("a Read returns the old value anyway")
	errOldOfLeft     = errors.New("a Left does not return the old value")
)

// add makes the option one of an operation.
func (w *WriteOption) add(op *wire.TxnOp) error {
	switch {
	case w.cond.Kind != wire.CondNone && op.If.Kind != wire.CondNone:
		return errTwoConditions
	case w.cond.Kind != wire.CondNone:
		op.If = w.cond
	}
	switch {
	case w.old && op.Kind == wire.TxnRead:
		return errOldOfRead
	case w.old && op.Kind == wire.TxnTTL:
		return errOldOfLeft
	}
	op.Old = op.Old || w.old
	if w.own && !op.Kind.MayOwn() {
		return errOwnMisused
	}
	op.Ephemeral = op.Ephemeral || w.own
	return w.addTime(op)
}

// appendOps appends Ops to a list, unless one of them is impossible.
func appendOps(list []wire.TxnOp, ops []Op) ([]wire.TxnOp, error) {
	for i := range ops {
		switch {
		case ops[i].err != nil:
			return list, ops[i].err
		case ops[i].op.Kind == 0:
			return list, fmt.Errorf("%w: an Op that none of Put, Del, Inc, App, Read, Expire, Persist and Left has made", ErrOption)
		}
		list = append(list, ops[i].op)
	}
	return list, nil
}
