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

// operation is one call of a handle, with all its attempts.
type operation struct {
	session.Operation
	handle  *handle
	state   *state // what the session had seen when the operation began
	ctx     context.Context
	strong  bool
	key     string       // of a get
	reads   reading      // in place of the get of a variable; nil: none
	command wire.Command // of a write
	writer  *writer      // of a numbered write

	last     error              // why the last attempt failed
	answered wire.Info          // of the node that answered
	cancel   context.CancelFunc // of ctx, nil if it is the caller's
}

// reading asks a node for something else than a variable, at or after a position.
type reading func(ctx context.Context, l *link, position uint64) (wire.Reply, error)

// run makes attempts until one is answered. The reply may say that the command
// had no effect; the error is that of an operation without an answer.
func (op *operation) run() (wire.Reply, error) {
	reply, err := op.try()
	if op.cancel != nil {
		op.cancel()
	}
	return reply, err
}

func (op *operation) try() (wire.Reply, error) {
	pool := op.handle.db.pool
	for {
		if err := op.over(); err != nil {
			return wire.Reply{}, op.giveUp(err)
		}
		l := pool.pick()
		if l == nil || op.Attempts() > 0 {
			op.bound()
		}
		var err error
		if l == nil {
			if l, err = pool.get(op.ctx, op.closer()); err != nil {
				return wire.Reply{}, op.giveUp(err)
			}
		}
		if err = op.bind(l); err != nil {
			pool.put(l)
			return wire.Reply{}, op.uncertain(err)
		}
		reply, final, err := op.attempt(l)
		if final || err != nil {
			return reply, err
		}
		if err := op.pause(); err != nil {
			return wire.Reply{}, op.giveUp(err)
		}
	}
}

// over returns why the operation ends before its next attempt: its context has, or
// the handle was closed.
func (op *operation) over() error {
	if op.closer() != nil && op.handle.isClosed() {
		return ErrClosed
	}
	return op.ctx.Err()
}

// closer returns the handle whose Close ends the operation: nil for what Close
// itself does.
func (op *operation) closer() *handle {
	if op.Kind == session.Upkeep {
		return nil
	}
	return op.handle
}

// bound gives the operation's context a deadline if it has none. The first
// attempt of a read goes without: where it is answered at once, which is nearly
// always, a timer would be most of its cost.
func (op *operation) bound() {
	if op.cancel == nil {
		op.ctx, op.cancel = op.handle.db.bounded(op.ctx)
	}
}

// bind gives the operation a state of the generation that the link is bound to. If
// what the session has seen is gone, ErrGeneration is returned, and the next operation
// starts a new session.
func (op *operation) bind(l *link) error {
	begun := op.state
	if begun.bound == l.bound {
		return nil
	}
	if op.Kind != session.Upkeep {
		op.handle.state.CompareAndSwap(begun, newState(l.bound))
	}
	if !op.Moves(begun.blank()) {
		return l.otherGeneration()
	}
	op.state = op.handle.state.Load()
	if op.state.bound != l.bound {
		// Another operation was quicker, on a newer connection.
		op.state = newState(l.bound)
	}
	return nil
}

// attempt asks one node. It is final when the reply answers the operation.
func (op *operation) attempt(l *link) (reply wire.Reply, final bool, err error) {
	defer op.handle.db.pool.put(l)
	position := op.Attempt(op.state.position.Load())
	if op.Attempts() > 1 {
		op.handle.db.retries.Add(1)
	}
	reply, err = op.ask(l, position)
	if err != nil {
		return wire.Reply{}, false, op.noReply(l, err)
	}
	return op.judge(l, reply)
}

// ask makes the round trip.
func (op *operation) ask(l *link, position uint64) (wire.Reply, error) {
	switch op.Kind {
	case session.Get:
		if op.reads != nil {
			return op.reads(op.ctx, l, position)
		}
		return l.conn.Get(op.ctx, op.key, position, op.strong)
	case session.Ping:
		return wire.Reply{}, l.conn.Ping(op.ctx)
	case session.Write:
		if len(op.command.Value) > int(l.info.MaxValueBytes) && l.info.MaxValueBytes > 0 && op.command.Op != wire.OpTxn {
			return wire.Reply{Status: wire.StatusTooLarge}, nil
		}
		op.writer.number(&op.Operation, &op.command)
	}
	return l.conn.Write(op.ctx, position, op.command)
}

// noReply takes the error of an attempt that ended without a reply. It returns nil
// if another attempt may be made.
func (op *operation) noReply(l *link, err error) error {
	op.NoReply(errors.Is(err, wire.ErrNotSent))
	op.last = err
	if ctxErr := op.ctx.Err(); ctxErr != nil {
		return op.giveUp(ctxErr)
	}
	op.handle.db.pool.giveUpServer(l)
	return nil
}

// judge takes the reply to an attempt. It is final when it answers the operation.
func (op *operation) judge(l *link, reply wire.Reply) (wire.Reply, bool, error) {
	verdict := op.Reply(&reply)
	switch verdict {
	case session.Answered:
		op.state.raise(reply.Position)
		op.answered = l.info
		return reply, true, nil
	case session.Declined:
		op.answered = l.info
		return reply, true, nil
	case session.Expired:
		op.answered = l.info
		if op.handle.isClosed() {
			return reply, false, op.uncertain(ErrClosed) // Close has closed the session
		}
		return reply, false, op.uncertain(ErrSessionExpired)
	case session.Superseded:
		return reply, false, errSuperseded
	case session.TimedOut:
		if op.expired() {
			return reply, false, op.giveUp(context.DeadlineExceeded)
		}
	}
	op.last = op.failure(l, reply, verdict)
	if verdict.Elsewhere() {
		op.handle.db.pool.giveUpServer(l)
	}
	return wire.Reply{}, false, nil
}

// errSuperseded is the error of a write whose result the group no longer keeps, because
// a later write of the session said that no caller waits for it.
var errSuperseded = fmt.Errorf("%w: the group no longer keeps its result", ErrOutcomeUnknown)

// failure says why an attempt has to be followed by another.
func (op *operation) failure(l *link, reply wire.Reply, verdict session.Verdict) error {
	node := l.info.NodeID
	switch verdict {
	case session.Behind:
		return fmt.Errorf("%w: node %s answered from position %d, asked for %d", ErrProtocol, node, reply.Position, op.Asked())
	case session.Crowded:
		return errors.New("driver: too many writes of the session are under way")
	case session.Refused:
		return fmt.Errorf("driver: node %s does not serve now", node)
	case session.Estranged:
		return fmt.Errorf("driver: node %s is in another generation", node)
	case session.TimedOut, session.Interrupted:
		return fmt.Errorf("driver: node %s could not finish it", node)
	default:
		return fmt.Errorf("%w: node %s answered with status %d", ErrProtocol, node, reply.Status)
	}
}

// expired reports whether the context's time is up, which a node may notice a
// moment before the context does. A context without a deadline had the handle's
// timeout in the first attempt, at the end of which a node says so.
func (op *operation) expired() bool {
	deadline, ok := op.ctx.Deadline()
	return !ok || !time.Now().Before(deadline)
}

// pause waits before another attempt, if there is something to wait for.
func (op *operation) pause() error {
	d := op.Pause(rand.Float64())
	if d == 0 {
		return nil
	}
	own, whole := op.closer().ends()
	select {
	case <-time.After(d):
		return nil
	case <-op.ctx.Done():
		return op.ctx.Err()
	case <-own:
		return ErrClosed
	case <-whole:
		return ErrClosed
	}
}

// giveUp is the error of an operation without an answer. cause is its context's
// error, or why there will be no connection.
func (op *operation) giveUp(cause error) error {
	cause = op.handle.gone(cause)
	if op.Unknown() {
		return fmt.Errorf("%w: %w%s", ErrOutcomeUnknown, cause, op.detail())
	}
	if permanentOutcome(cause) {
		return cause
	}
	return unavailable(cause, op.last)
}

// uncertain is cause, and ErrOutcomeUnknown too when an earlier attempt of a
// write may have been executed.
func (op *operation) uncertain(cause error) error {
	if op.Unknown() {
		return fmt.Errorf("%w: %w", cause, ErrOutcomeUnknown)
	}
	return cause
}

// detail is text that says why the last attempt failed.
func (op *operation) detail() string {
	if op.last == nil {
		return ""
	}
	return fmt.Sprintf(" (after %d attempts, the last failed: %v)", op.Attempts(), op.last)
}

// unavailable is ErrUnavailable because of cause, the end of a context.
func unavailable(cause, last error) error {
	if last == nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, cause)
	}
	return fmt.Errorf("%w: %w (last failure: %w)", ErrUnavailable, cause, last)
}

// tooManySessions is the error of a session that could not be opened. It says which
// limit is reached.
func tooManySessions(reply wire.Reply) error {
	switch reply.Number {
	case wire.BoundOfClient:
		return fmt.Errorf("%w (it has %d, as many as one client may)", ErrTooManyOwnSessions, reply.Version)
	case wire.BoundOfAddress:
		return fmt.Errorf("%w (the clients at its address have %d, as many as they may)", ErrTooManyOwnSessions, reply.Version)
	default:
		return ErrTooManySessions
	}
}

// overQuota is the error of a write that the quota forbids.
func overQuota(reply wire.Reply) error {
	if reply.Number == wire.QuotaOfVariables {
		return fmt.Errorf("%w: %d variables", ErrQuota, reply.Version)
	}
	return fmt.Errorf("%w: %d bytes of keys and values", ErrQuota, reply.Version)
}

// replyError turns a final reply into the error of its operation.
func replyError(reply wire.Reply, cmd *wire.Command) error {
	if reply.Status == wire.StatusOK {
		return nil
	}
	if reply.Status == wire.StatusNotOwner {
		return fmt.Errorf("%w: %s", ErrNotOwner, reply.Data)
	}
	if cmd.Op == wire.OpTxn {
		return txnError(reply, cmd.Value)
	}
	switch reply.Status {
	case wire.StatusNotFound:
		return ErrNotFound
	case wire.StatusConflict:
		return &ConflictError{Key: cmd.Key, Version: reply.Version}
	case wire.StatusNotInteger:
		return ErrNotInteger
	case wire.StatusOverflow:
		return ErrOverflow
	case wire.StatusTooLarge:
		return ErrTooLarge
	case wire.StatusTooManySessions:
		return tooManySessions(reply)
	case wire.StatusQuota:
		return overQuota(reply)
	case wire.StatusSessionExpired:
		return ErrSessionExpired
	case wire.StatusUnsupported:
		return fmt.Errorf("%w: %s", ErrUnsupported, reply.Data)
	default:
		return fmt.Errorf("%w: refused as malformed: %s", ErrProtocol, reply.Data)
	}
}
