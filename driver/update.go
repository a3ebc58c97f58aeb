package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Update calls fn with a transaction, and commits what fn has written if it returns nil. The
// commit is one write of the handle's session: however often it is sent, also to other servers,
// it is executed once or never. If its outcome cannot be known, because ctx ended, the handle was
// closed or the session expired while it was under way, ErrOutcomeUnknown is returned, and fn does
// not run again.
//
//	err := db.Update(ctx, func(tx *driver.Tx) error {
//		from, err := tx.Get("from")
//		if err != nil { ... }
//		if number(from) < 10 {
//			return errPoor // nothing is done
//		}
//		return errors.Join(tx.Add("from", -10), tx.Add("to", 10))
//	})
//
// If anything that fn has read, variables or ranges, is another when the commit is executed, the
// commit does nothing, and fn runs again on a newer state. So updates are serializable: each is as
// if it had run alone, at the position of its commit, or, if it has written nothing, at the
// position that it has read. Nobody sees a part of it. fn may run any number of times, so it
// should change nothing outside of the transaction.
//
// An error of fn is returned as it is, and nothing is done. The same goes for a panic, and for
// runtime.Goexit. Only conflicts, and a position that the servers do not keep any more, make fn
// run again, after pauses that grow and are random. Updates of one DB and its Conns that conflict
// over a variable three times take turns, first come first served; between processes, the pauses
// decide. If ctx ends first, the error wraps that of ctx and the last *ConflictError. A ctx
// without a deadline lets fn run again for as long as it takes.
//
// If a write cannot be done at the position of the commit, a *TxnError is returned, whose Op counts
// the writes of fn from 0. If fn has written more than 4,096 times or 4 MiB, read more than
// 4,096 variables, or scanned more than 10,000, ErrTxTooLarge is returned, and nothing is sent.
// If a member of the group is of a release without transactions, ErrUnsupported is returned.
//
// An Update within fn is a transaction of its own. If it writes what the outer one has read, the
// outer one conflicts, each time.
func (h *handle) Update(ctx context.Context, fn func(tx *Tx) error) error {
	u := update{h: h, ctx: ctx}
	defer u.leave()
	for {
		if err := u.ready(); err != nil {
			return err
		}
		again, err := u.attempt(fn)
		if !again {
			return err
		}
	}
}

// View calls fn with a transaction that only reads, all at one position, and returns its error.
// Writes return ErrReadOnly. Nothing is committed, so a View may read any number of variables. The
// servers keep the state of a position as long as they keep what has changed since, by default
// the latest 4 MiB: a View that takes longer gets ErrSnapshotGone.
func (h *handle) View(ctx context.Context, fn func(tx *Tx) error) error {
	if err := h.usable(); err != nil {
		return err
	}
	tx := Tx{h: h, ctx: ctx, tx: session.Tx{ReadOnly: true}}
	_, err := tx.run(fn)
	return err
}

// update is an Update under way.
type update struct {
	h    *handle
	ctx  context.Context
	u    session.Update
	last *ConflictError // nil: there was none

	turn      *turn // that it has; nil: none
	fresh     bool  // it has come after a wait, and the next attempt is its first
	impatient bool  // the update has waited for its turn in vain, and does not wait again
}

// ready waits until an attempt may be made.
func (u *update) ready() error {
	if err := u.h.usable(); err != nil {
		return err
	}
	if err := u.ctx.Err(); err != nil {
		return u.failed(u.h.unavailable(err, nil))
	}
	if key, due := u.u.Turn(); due && u.turn == nil && !u.impatient {
		if err := u.take(key); err != nil {
			return u.failed(err)
		}
	}
	if u.fresh || u.u.Attempts() == 0 {
		u.fresh = false
		return nil
	}
	return u.failed(u.h.wait(u.ctx, u.u.Pause(rand.Float64())))
}

// attempt calls the function once, and commits. It reports whether another attempt is to be made.
func (u *update) attempt(fn func(*Tx) error) (again bool, err error) {
	tx := Tx{h: u.h, ctx: u.ctx}
	own, err := tx.run(fn)
	switch {
	case own:
		return false, err
	case errors.Is(tx.err, ErrSnapshotGone):
		u.u.Gone()
		return true, nil
	case err != nil:
		return false, u.failed(err)
	case !tx.tx.Writes():
		return false, nil
	}
	txn := tx.tx.Commit()
	if key, taken := u.others(&txn); taken {
		err := u.take(key)
		return err == nil, u.failed(err)
	}
	if tx.state != nil && tx.state != u.h.state.Load() {
		return false, ErrGeneration // another operation has moved the session
	}
	return u.commit(&txn, tx.tx.Position())
}

// commit sends the transaction.
func (u *update) commit(txn *wire.Txn, position uint64) (again bool, err error) {
	if err := u.h.mayOwn(txn); err != nil {
		return false, err
	}
	encoded, err := encodeTxn(txn)
	if err != nil {
		return false, err
	}
	reply, err := u.h.write(u.ctx, wire.Command{Op: wire.OpTxn, Value: encoded})
	outcome, changed := u.u.Ended(txn, &reply, err == nil, errors.Is(err, ErrOutcomeUnknown))
	switch {
	case outcome == session.Committed:
		return false, nil
	case outcome == session.Failed:
		return false, u.failed(err)
	case changed != nil:
		u.last = &ConflictError{Key: changed.Key, Range: changed.Kind == wire.CondRange, Read: position, update: true}
	}
	return true, nil
}

// failed returns the error of an update, and of the conflicts for which it has not ended before
// its context did.
func (u *update) failed(err error) error {
	if err == nil || u.last == nil || u.ctx.Err() == nil || !errors.Is(err, u.ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w (conflicts: %d, the last: %w)", err, u.u.Conflicts(), u.last)
}

// wait waits for a time, or until ctx ends or the handle is closed.
func (h *handle) wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return h.unavailable(ctx.Err(), nil)
	case <-h.done:
		return ErrClosed
	case <-h.db.done:
		return ErrClosed
	}
}
