package driver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Future is the outcome of an asynchronous write, once there is one. Its methods may
// be called by many goroutines. A program need not wait for it: Flush returns errors
// that no Wait has returned.
type Future struct {
	handle *handle

	// Of the write. The pipeline's lock guards it until it has ended.
	write   session.Operation
	op      wire.Op
	key     string
	value   []byte
	operand uint64 // of an add or a compare-and-set
	trace   *OpTrace
	awaited bool // it is a synchronous write behind asynchronous ones

	// Set before it ends, and not changed afterwards.
	reply wire.Reply
	err   error

	told  atomic.Bool                   // err was returned
	ended atomic.Pointer[chan struct{}] // nil until Done is called; alreadyEnded at the end
}

// alreadyEnded is the channel of all futures that have ended.
var alreadyEnded = func() *chan struct{} {
	c := make(chan struct{})
	close(c)
	return &c
}()

// Done returns a channel that is closed once the write has its outcome.
func (f *Future) Done() <-chan struct{} {
	for {
		if c := f.ended.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		f.ended.CompareAndSwap(nil, &c)
	}
}

// Ended reports whether the write has its outcome, so that Wait returns at once.
func (f *Future) Ended() bool { return f.ended.Load() == alreadyEnded }

// Wait waits until the write has its outcome, and returns what the synchronous method
// returns: the version that the write gave the variable, or the error. For an
// AddAsync, Sum has the sum. If ctx ends first, Wait returns an error that wraps the
// context's; the write continues, and Wait may be called again.
func (f *Future) Wait(ctx context.Context) (version uint64, err error) {
	if !f.Ended() {
		select {
		case <-f.Done():
		case <-ctx.Done():
			return 0, fmt.Errorf("driver: waiting for an asynchronous write: %w", ctx.Err())
		}
	}
	if f.err != nil {
		f.told.Store(true)
		return 0, f.err
	}
	return f.reply.Position, nil
}

// Sum returns the sum of an AddAsync, once Wait has returned without an error.
func (f *Future) Sum() int64 {
	if !f.Ended() {
		return 0
	}
	return f.reply.Number
}

// Result returns what a Submit did, once Wait has returned without an error.
func (f *Future) Result() (TxnResult, error) {
	if !f.Ended() || f.err != nil || f.op != wire.OpTxn {
		return TxnResult{}, f.err
	}
	return resultOf(&f.reply)
}

// command is the write as it is sent, without what its session gives it.
func (f *Future) command() wire.Command {
	c := wire.Command{Op: f.op, Key: f.key, Value: f.value}
	switch f.op {
	case wire.OpAdd:
		c.Delta = int64(f.operand)
	case wire.OpCompareAndSet:
		c.Expect = f.operand
	}
	return c
}

// answer takes the reply that answers the write, from a node.
func (f *Future) answer(reply *wire.Reply, node string) {
	f.reply = *reply
	if reply.Status != wire.StatusOK {
		f.err = replyError(*reply, &wire.Command{Op: f.op, Key: f.key, Value: f.value})
	}
	if reply.Status == wire.StatusUnsupported && f.write.Unknown() { // another node may have taken it, in a later view
		f.err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, f.err)
	}
	f.note(reply.Position, node)
}

// fail takes the error of a write without an answer: cause, and that the outcome
// is not known if it may have been executed.
func (f *Future) fail(cause error) {
	f.err = cause
	if f.write.Unknown() {
		f.err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
	}
	f.note(0, "")
}

// note fills in the trace that was asked for.
func (f *Future) note(position uint64, node string) {
	if f.trace == nil {
		return
	}
	*f.trace = OpTrace{Position: position, Node: node, Attempts: f.write.Attempts()}
	f.trace.Session, f.trace.Seq = f.write.Numbered()
}

// finish ends the waits for the future, which has its outcome.
func (f *Future) finish() {
	f.value = nil
	if f.err != nil {
		f.handle.failures.add(f)
	}
	if c := f.ended.Swap(alreadyEnded); c != nil {
		close(*c)
	}
}

// giveUp takes the end of the time for a write without an answer, or of its handle,
// and why the last attempt at it has failed.
func (f *Future) giveUp(cause, last error) {
	switch {
	case f.write.Unknown() && last != nil:
		cause = fmt.Errorf("%w (after %d attempts, the last failed: %v)", cause, f.write.Attempts(), last) //nolint:errorlint // the last error is text only: cause says what is certain
	case !f.write.Unknown() && !permanentOutcome(cause):
		cause = unavailable(cause, last)
	}
	f.fail(cause)
}

// permanentOutcome reports whether an error says why no attempt will do better.
func permanentOutcome(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) || errors.Is(err, ErrClosed) || errors.Is(err, ErrVersion) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrGeneration)
}
