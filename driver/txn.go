package driver

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Txn is a transaction in the making: conditions, and two lists of Ops. If all conditions
// hold, those of Then are done, and else those of Else, in sequence, each seeing the ones
// before it. Nobody sees the variables between two of them, and if one cannot be done, none
// is. It is for one goroutine.
type Txn struct {
	h   *handle
	ctx context.Context
	txn wire.Txn
	err error
}

// Txn begins a transaction, which Commit sends as one command:
//
//	result, err := db.Txn(ctx).
//		If(driver.When("leader", driver.IfAbsent)).
//		Then(driver.Put("leader", me), driver.Inc("terms", 1)).
//		Else(driver.Read("leader")).
//		Commit()
func (h *handle) Txn(ctx context.Context) *Txn { return &Txn{h: h, ctx: ctx} }

// Condition is a condition of a transaction: see When.
type Condition struct {
	conds []wire.Cond
	err   error
}

// When is the condition that all of IfVersion, IfAbsent, IfPresent or IfValue that it is
// given hold for a variable.
func When(key string, conditions ...WriteOption) Condition {
	c := Condition{err: checkKey(key)}
	for _, w := range conditions {
		if w.cond.Kind == wire.CondNone && c.err == nil {
			c.err = fmt.Errorf("%w: %q: When takes conditions only", ErrOption, key)
		}
		cond := w.cond
		cond.Key = key
		c.conds = append(c.conds, cond)
	}
	if len(conditions) == 0 && c.err == nil {
		c.err = fmt.Errorf("%w: %q: When without a condition", ErrOption, key)
	}
	return c
}

// If adds conditions. A transaction without any does what Then has.
func (t *Txn) If(conditions ...Condition) *Txn {
	for i := range conditions {
		t.fail(conditions[i].err)
		t.txn.If = append(t.txn.If, conditions[i].conds...)
	}
	return t
}

// Then adds what is done if all conditions hold.
func (t *Txn) Then(ops ...Op) *Txn {
	var err error
	t.txn.Then, err = appendOps(t.txn.Then, ops)
	t.fail(err)
	return t
}

// Else adds what is done if a condition does not hold.
func (t *Txn) Else(ops ...Op) *Txn {
	var err error
	t.txn.Else, err = appendOps(t.txn.Else, ops)
	t.fail(err)
	return t
}

func (t *Txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Commit has the transaction executed, once, and returns what it did. If an Op of the branch
// that runs cannot be done, nothing is done, and the error is a *TxnError, which says which
// Op it was and why. If the transaction has more than 4,096 conditions and Ops or more than
// 4 MiB, or its results would, ErrTxTooLarge is returned. If a member of the group is of a
// release without transactions, ErrUnsupported is returned.
func (t *Txn) Commit() (TxnResult, error) {
	if t.err != nil {
		return TxnResult{}, t.err
	}
	return t.h.transact(t.ctx, &t.txn)
}

// Batch does Ops in sequence, all or none of them, as one command: a transaction without
// conditions. See [Txn.Commit] for its errors.
func (h *handle) Batch(ctx context.Context, ops ...Op) (TxnResult, error) {
	return h.Txn(ctx).Then(ops...).Commit()
}

// Submit is the asynchronous Batch: it issues the Ops, and the Future has their results. See
// SetAsync for what that means.
func (h *handle) Submit(ctx context.Context, ops ...Op) *Future {
	f := &Future{op: wire.OpTxn}
	list, err := appendOps(nil, ops)
	t := wire.Txn{Then: list}
	if err == nil {
		err = h.mayOwn(&t)
	}
	if err == nil {
		f.value, err = encodeTxn(&t)
	}
	if err != nil {
		f.handle = h
		f.fail(err)
		f.finish()
		return f
	}
	return h.async(ctx, f)
}

// transact does a transaction.
func (h *handle) transact(ctx context.Context, t *wire.Txn) (TxnResult, error) {
	if err := h.mayOwn(t); err != nil {
		return TxnResult{}, err
	}
	encoded, err := encodeTxn(t)
	if err != nil {
		return TxnResult{}, err
	}
	reply, err := h.write(ctx, wire.Command{Op: wire.OpTxn, Value: encoded})
	if err != nil {
		return TxnResult{}, err
	}
	return resultOf(&reply)
}

// encodeTxn returns the value of the command, or ErrTxTooLarge.
func encodeTxn(t *wire.Txn) ([]byte, error) {
	if t.Ops() > wire.MaxTxnOps {
		return nil, fmt.Errorf("%w: it has %d conditions and operations, and %d are allowed", ErrTxTooLarge, t.Ops(), wire.MaxTxnOps)
	}
	encoded := t.Append(nil)
	if len(encoded) > wire.MaxTxnBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d are allowed", ErrTxTooLarge, len(encoded), wire.MaxTxnBytes)
	}
	return encoded, nil
}

// TxnResult is what a transaction did.
type TxnResult struct {
	// Position is the transaction's place in the order, and the version of all variables
	// that it wrote.
	Position uint64

	// Then reports whether the Ops of Then were done, and not those of Else.
	Then bool

	// Ops has the results of the Ops that were done, in their order.
	Ops []OpResult
}

// OpResult is what an Op did.
type OpResult struct {
	// Found reports whether the variable existed before the Op.
	Found bool

	// Value is the value from before the Op, of a Read and with ReturnOld. If the variable
	// did not exist, its Version is 0.
	Value Value

	// Number is the sum of an Inc, and the length that an App has left. For that of a Left,
	// see the method.
	Number int64
}

// resultOf decodes the reply to a transaction that was done.
func resultOf(reply *wire.Reply) (TxnResult, error) {
	list, err := wire.DecodeTxnResults(reply.Data)
	if err != nil {
		return TxnResult{}, fmt.Errorf("%w: the results of a transaction cannot be read: %w", ErrProtocol, err)
	}
	r := TxnResult{Position: reply.Position, Then: reply.Number == wire.TxnThen}
	for i := range list {
		one := OpResult{Found: list[i].Has&wire.TxnFound != 0, Number: list[i].Number}
		if list[i].Has&wire.TxnValue != 0 {
			one.Value = Value{Data: append([]byte{}, list[i].Value...), Version: list[i].Version}
		}
		r.Ops = append(r.Ops, one)
	}
	return r, nil
}

// TxnError is the error of a transaction or Batch that was not done because of one Op.
// Nothing was changed.
type TxnError struct {
	// Op is the number of the Op in its list, from 0, and Else says which list that is. Op is
	// -1 if a condition of If cannot be: its key or its value is too large.
	Op   int
	Else bool
	Key  string
	Err  error // a *ConflictError, ErrNotInteger, ErrOverflow, ErrTooLarge
}

func (e *TxnError) Error() string {
	list := "operation"
	if e.Else {
		list = "operation of Else"
	}
	if e.Op < 0 {
		return fmt.Sprintf("a condition on %q: %v", e.Key, e.Err)
	}
	return fmt.Sprintf("%s %d, on %q: %v", list, e.Op, e.Key, e.Err)
}

// Unwrap returns why the Op could not be done.
func (e *TxnError) Unwrap() error { return e.Err }

// txnError is the error of a transaction that a replica has refused.
func txnError(reply wire.Reply, encoded []byte) error {
	var t wire.Txn
	if t.Decode(encoded) != nil || reply.Position == 0 {
		return replyError(reply, &wire.Command{})
	}
	if reply.Status == wire.StatusQuota {
		return overQuota(reply)
	}
	e := TxnError{Op: int(reply.Number)}
	switch n := reply.Number; {
	case n == wire.TxnWhole:
		if reply.Status == wire.StatusTooLarge {
			return ErrTxTooLarge
		}
		return replyError(reply, &wire.Command{})
	case n < 0 && -n <= int64(len(t.If)):
		e.Op, e.Key = -1, t.If[-n-1].Key
	case n >= 0 && n < int64(len(t.Then)):
		e.Key = t.Then[n].Key
	case n >= int64(len(t.Then)) && n < int64(len(t.Then)+len(t.Else)):
		e.Op, e.Else = int(n)-len(t.Then), true
		e.Key = t.Else[e.Op].Key
	default:
		return fmt.Errorf("%w: a transaction without operation %d was refused for that", ErrProtocol, n)
	}
	e.Err = replyError(reply, &wire.Command{Key: e.Key})
	return &e
}
