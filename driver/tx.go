package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Tx is a transaction within [DB.Update] or [DB.View]. All its reads show the state at one
// position of the order, changed by what the transaction itself has written.
//
// The first read that asks a server fixes the position, at or after everything that the handle
// has seen. Writes stay in the process until the function returns; then all of them are executed
// by one command, or none.
//
// An error other than ErrNotFound ends the transaction: nothing will be committed, whatever the
// function returns, and each later call returns the same error. After the function has returned,
// each call returns ErrTxDone.
//
// Several goroutines may use a Tx. Their calls take place one after the other. The function
// should wait for them before it returns: what they ask for later returns ErrTxDone.
type Tx struct {
	h   *handle
	ctx context.Context

	mu    sync.Mutex // guards all below; held while a server is asked
	tx    session.Tx
	state *state // of the session, which the reads belong to
	done  bool
	err   error // what has ended the transaction
}

// Position returns the position whose state the transaction shows, 0 before the first read.
func (tx *Tx) Position() uint64 {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.tx.Position()
}

// Get returns the value of a variable, or ErrNotFound. What the transaction itself has written
// has version 0: it gets one when the transaction is committed. The bytes belong to the caller.
func (tx *Tx) Get(key string) (Value, error) {
	defer tx.lock()()
	if err := tx.usable(); err != nil {
		return Value{}, err
	}
	if err := checkKey(key); err != nil {
		return Value{}, tx.fail(err)
	}
	item, ok := tx.tx.Written(key)
	if !ok {
		var err error
		if item, err = tx.ask(key); err != nil {
			return Value{}, err
		}
	}
	if !item.Exists {
		return Value{}, ErrNotFound
	}
	return valueOf(&item), nil
}

// ask reads a variable at the transaction's position. The caller holds the lock.
func (tx *Tx) ask(key string) (session.TxItem, error) {
	scan := tx.tx.Get(key)
	page, err := tx.page(&scan, 1)
	if err != nil {
		return session.TxItem{}, err
	}
	item, status := tx.tx.Got(key, page.Items)
	if status != wire.StatusOK {
		return item, tx.refuse(key, status)
	}
	return item, nil
}

// Set sets a variable to a copy of value. The options of writes in a transaction are TTL,
// KeepTTL and Ephemeral. Conditions have no place here, since the function itself can look.
func (tx *Tx) Set(key string, value []byte, options ...WriteOption) error {
	return tx.write(Put(key, value, options...))
}

// Delete deletes a variable. If there is no such variable, it does nothing.
func (tx *Tx) Delete(key string) error { return tx.write(Del(key)) }

// Add adds delta to a counter, as [DB.Add] does. It does not read the counter: transactions
// that add to it, and do not Get it, do not conflict. If the value is not an integer or the sum
// overflows, ErrNotInteger or ErrOverflow is returned, by Add or, if only the group can know,
// by Update.
func (tx *Tx) Add(key string, delta int64, options ...WriteOption) error {
	return tx.write(Inc(key, delta, options...))
}

// Append appends a copy of value to a variable, which it does not read. A variable that does
// not exist counts as empty.
func (tx *Tx) Append(key string, value []byte, options ...WriteOption) error {
	return tx.write(App(key, value, options...))
}

// Expire gives a variable a TTL, in place of the one that it has, as [DB.Expire] does: the time
// begins with the commit. The value and the version stay as they are. If there is no such
// variable, ErrNotFound is returned, and the transaction goes on. So Expire reads the variable,
// as Get does, unless the transaction has written it.
//
// A Tx has no TTL, since servers do not keep what was left of one at the transaction's position.
// A [Txn] with [Left] returns it.
func (tx *Tx) Expire(key string, ttl time.Duration) error {
	return tx.change(Expire(key, ttl))
}

// Persist takes a variable's TTL away, as [DB.Persist] does. That it has none is not an error. If
// there is no such variable, ErrNotFound is returned, as by Expire.
func (tx *Tx) Persist(key string) error { return tx.change(Persist(key)) }

func (tx *Tx) write(o Op) error {
	defer tx.lock()()
	if err := tx.writable(&o); err != nil {
		return err
	}
	return tx.add(&o)
}

// change does a write of a variable that must exist.
func (tx *Tx) change(o Op) error {
	defer tx.lock()()
	if err := tx.writable(&o); err != nil {
		return err
	}
	exists, ok := tx.tx.Exists(o.op.Key)
	if !ok {
		item, err := tx.ask(o.op.Key)
		if err != nil {
			return err
		}
		exists = item.Exists
	}
	if !exists {
		return ErrNotFound
	}
	return tx.add(&o)
}

// writable returns why the transaction cannot do a write. The caller holds the lock.
func (tx *Tx) writable(o *Op) error {
	switch err := tx.usable(); {
	case err != nil:
		return err
	case tx.tx.ReadOnly:
		return tx.fail(ErrReadOnly)
	case o.err != nil:
		return tx.fail(o.err)
	case o.op.If.Kind != wire.CondNone || o.op.Old:
		return tx.fail(errTxOption)
	}
	return nil
}

// add takes a write. The caller holds the lock.
func (tx *Tx) add(o *Op) error {
	if status := tx.tx.Write(o.op); status != wire.StatusOK {
		return tx.refuse(o.op.Key, status)
	}
	return nil
}

var errTxOption = fmt.Errorf("%w: writes of a transaction take TTL, KeepTTL and Ephemeral only; read the variable instead", ErrOption)

// lock returns the function that unlocks.
func (tx *Tx) lock() (unlock func()) {
	tx.mu.Lock()
	return tx.mu.Unlock
}

// usable returns why the transaction cannot go on. The caller holds the lock.
func (tx *Tx) usable() error {
	if tx.done {
		return ErrTxDone
	}
	return tx.err
}

// fail ends the transaction. The caller holds the lock.
func (tx *Tx) fail(err error) error {
	if !tx.done {
		tx.err = err
	}
	return err
}

// refuse ends the transaction for what cannot be done. The caller holds the lock.
func (tx *Tx) refuse(key string, status wire.Status) error {
	if status == wire.StatusTooLarge {
		return tx.fail(fmt.Errorf("%w: at most %d operations, of %d bytes, and %d variables in the ranges that it has scanned",
			ErrTxTooLarge, wire.MaxTxnOps, wire.MaxTxnBytes, wire.MaxRangeEntries))
	}
	return tx.fail(fmt.Errorf("%q: %w", key, replyError(wire.Reply{Status: status}, &wire.Command{Key: key})))
}

// page asks for the next page of a scan. The caller holds the lock.
func (tx *Tx) page(scan *session.Scan, limit int) (wire.ScanPage, error) {
	page, st, err := tx.h.page(tx.ctx, scan, limit)
	switch {
	case err != nil:
		return page, tx.fail(err)
	case tx.state != nil && tx.state != st:
		return page, tx.fail(ErrGeneration) // another operation has moved the session
	}
	tx.state = st
	tx.tx.Paged(scan)
	return page, nil
}

// end ends the transaction for its function, and waits for calls of other goroutines.
func (tx *Tx) end() {
	defer tx.lock()()
	tx.done = true
}

// run calls a function with the transaction, and returns the error that decides what becomes
// of it. own reports whether that is the function's own, and not the one that has ended the
// transaction.
func (tx *Tx) run(fn func(*Tx) error) (own bool, err error) {
	err = func() error {
		defer tx.end() // also if fn panics, or ends its goroutine
		return fn(tx)
	}()
	if err == nil {
		return false, tx.err
	}
	return tx.err == nil || !errors.Is(err, tx.err), err
}

// valueOf returns the value of a variable. The bytes that the transaction keeps are copied.
func valueOf(item *session.TxItem) Value {
	if item.Version == 0 {
		return Value{Data: append([]byte{}, item.Value...)}
	}
	return Value{Data: item.Value, Version: item.Version}
}
