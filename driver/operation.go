package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// kind is what an operation asks for.
type kind uint8

const (
	kindGet    kind = iota
	kindWrite       // of a variable, numbered in its session
	kindOpen        // a session
	kindUpkeep      // renew or close one: on behalf of nobody who could be told anything
	kindPing
)

// operation is one call of a handle, with all its attempts. A write has the same
// number in all of them, so that it takes effect once.
type operation struct {
	session *session
	state   *state // what the session had seen when the operation began
	ctx     context.Context
	kind    kind
	strong  bool
	key     string       // of a get
	command wire.Command // of a write
	writer  *writer      // of a numbered write

	attempts int
	sent     bool               // an attempt may have executed the command
	last     error              // why the last attempt failed
	answered wire.Info          // of the node that answered
	cancel   context.CancelFunc // of ctx, nil if it is the caller's
}

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
	pool := op.session.db.pool
	for {
		if err := op.ctx.Err(); err != nil {
			return wire.Reply{}, op.giveUp(err)
		}
		l := pool.pick()
		if l == nil || op.attempts > 0 {
			op.bound()
		}
		var err error
		if l == nil {
			if l, err = pool.get(op.ctx); err != nil {
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

// bound gives the operation's context a deadline if it has none. The first
// attempt of a read goes without: where it is answered at once, which is nearly
// always, a timer would be most of its cost.
func (op *operation) bound() {
	if op.cancel == nil {
		op.ctx, op.cancel = op.session.db.bounded(op.ctx)
	}
}

// bind sees to it that the operation's state is one of what the link is bound
// to. It is ErrGeneration if what the session has seen is gone: it begins anew
// with the next operation.
func (op *operation) bind(l *link) error {
	begun := op.state
	if begun.bound == l.bound {
		return nil
	}
	if op.kind != kindUpkeep {
		op.session.state.CompareAndSwap(begun, &state{bound: l.bound})
	}
	if op.kind == kindUpkeep || !begun.blank() {
		return fmt.Errorf("%w (node %s, group %x, generation %d)",
			ErrGeneration, l.info.NodeID, l.info.Group, l.info.Generation)
	}
	op.state = op.session.state.Load()
	if op.state.bound != l.bound {
		// Another operation was quicker, on a newer connection.
		op.state = &state{bound: l.bound}
	}
	return nil
}

// attempt asks one node. It is final when the reply answers the operation.
func (op *operation) attempt(l *link) (reply wire.Reply, final bool, err error) {
	defer op.session.db.pool.put(l)
	op.attempts++
	if op.attempts > 1 {
		op.session.db.retries.Add(1)
	}
	position := op.state.position.Load()
	reply, err = op.ask(l, position)
	if err != nil {
		return wire.Reply{}, false, op.noReply(l, err)
	}
	return op.judge(l, reply, position)
}

// ask makes the round trip.
func (op *operation) ask(l *link, position uint64) (wire.Reply, error) {
	switch op.kind {
	case kindGet:
		return l.conn.Get(op.ctx, op.key, position, op.strong)
	case kindPing:
		return wire.Reply{}, l.conn.Ping(op.ctx)
	case kindWrite:
		if len(op.command.Value) > int(l.info.MaxValueBytes) && l.info.MaxValueBytes > 0 {
			return wire.Reply{Status: wire.StatusTooLarge}, nil
		}
		// What nobody waits for any more may have become more since the last
		// attempt.
		op.command.Floor = op.writer.writes.floor()
	}
	return l.conn.Write(op.ctx, position, op.command)
}

// noReply takes an attempt that ended without a reply. It returns nil if another
// one may be made.
func (op *operation) noReply(l *link, err error) error {
	if !errors.Is(err, wire.ErrNotSent) {
		op.sent = true
	}
	op.last = err
	if ctxErr := op.ctx.Err(); ctxErr != nil {
		return op.giveUp(ctxErr)
	}
	op.session.db.pool.fail(l)
	return nil
}

// judge takes a reply.
func (op *operation) judge(l *link, reply wire.Reply, position uint64) (wire.Reply, bool, error) {
	switch reply.Status {
	case wire.StatusOK, wire.StatusNotFound, wire.StatusConflict, wire.StatusNotInteger, wire.StatusOverflow:
		if op.kind == kindGet && reply.Position < position {
			// Older than what the session has seen: never to be shown.
			return op.again(l, fmt.Errorf("%w: node %s answered from position %d, asked for %d",
				ErrProtocol, l.info.NodeID, reply.Position, position))
		}
		op.state.raise(reply.Position)
		op.answered = l.info
		return reply, true, nil
	case wire.StatusTooLarge, wire.StatusBadRequest, wire.StatusTooManySessions:
		op.answered = l.info
		return reply, true, nil
	case wire.StatusSessionExpired:
		op.answered = l.info
		if op.kind != kindWrite {
			return reply, true, nil
		}
		op.state.expire(op.writer)
		return reply, false, op.uncertain(ErrSessionExpired)
	case wire.StatusStaleSequence:
		// The group has been told that nobody waits for this write.
		return reply, false, fmt.Errorf("%w: the group does not keep it any more", ErrOutcomeUnknown)
	case wire.StatusTooManyResults:
		// Writes before this one have to end first; the node is well.
		op.last = errors.New("driver: too many writes of the session are under way")
		return reply, false, nil
	case wire.StatusUnavailable:
		return op.again(l, fmt.Errorf("driver: node %s does not serve now", l.info.NodeID))
	case wire.StatusGeneration:
		return op.again(l, fmt.Errorf("driver: node %s is in another generation", l.info.NodeID))
	case wire.StatusTimeout, wire.StatusInterrupted:
		op.sent = true
		if reply.Status == wire.StatusTimeout && op.expired() {
			return reply, false, op.giveUp(context.DeadlineExceeded)
		}
		return op.again(l, fmt.Errorf("driver: node %s could not finish it", l.info.NodeID))
	default:
		op.sent = true
		return op.again(l, fmt.Errorf("%w: node %s answered with status %d", ErrProtocol, l.info.NodeID, reply.Status))
	}
}

// again has the operation tried again, on another server if there is one.
func (op *operation) again(l *link, why error) (wire.Reply, bool, error) {
	op.last = why
	op.session.db.pool.fail(l)
	return wire.Reply{}, false, nil
}

// expired reports whether the context's time is up, which a node may notice a
// moment before the context does. A context without a deadline had the handle's
// timeout in the first attempt, at the end of which a node says so.
func (op *operation) expired() bool {
	deadline, ok := op.ctx.Deadline()
	return !ok || !time.Now().Before(deadline)
}

// pause waits before another attempt: not after the first, since another server
// may do better at once, and longer each time after that.
func (op *operation) pause() error {
	if op.attempts < 2 {
		return nil
	}
	return sleep(op.ctx, backoff(op.attempts-1))
}

// giveUp returns what an operation without an answer returns, because of cause:
// its context's end, or that there will be no connection.
func (op *operation) giveUp(cause error) error {
	if op.session.db.closing.Load() && !errors.Is(cause, ErrClosed) {
		// The handle's end may have shown as the end of its connections, or of
		// a context that it lent.
		cause = fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	if op.sent && op.kind == kindWrite {
		return fmt.Errorf("%w: %w%s", ErrOutcomeUnknown, cause, op.detail())
	}
	if errors.Is(cause, ErrClosed) || errors.Is(cause, ErrVersion) || errors.Is(cause, ErrProtocol) {
		return cause
	}
	return unavailable(cause, op.last)
}

// uncertain is cause, and ErrOutcomeUnknown too when an earlier attempt of a
// write may have been executed.
func (op *operation) uncertain(cause error) error {
	if op.sent && op.kind == kindWrite {
		return fmt.Errorf("%w: %w", cause, ErrOutcomeUnknown)
	}
	return cause
}

// detail tells people why the last attempt failed.
func (op *operation) detail() string {
	if op.last == nil {
		return ""
	}
	return fmt.Sprintf(" (after %d attempts, the last failed: %v)", op.attempts, op.last)
}

// unavailable is ErrUnavailable because of cause, the end of a context.
func unavailable(cause, last error) error {
	if last == nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, cause)
	}
	return fmt.Errorf("%w: %w (last failure: %w)", ErrUnavailable, cause, last)
}

// replyError turns a final reply into the error of its operation.
func replyError(reply wire.Reply, cmd *wire.Command) error {
	switch reply.Status {
	case wire.StatusOK:
		return nil
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
		return ErrTooManySessions
	case wire.StatusSessionExpired:
		return ErrSessionExpired
	default:
		return fmt.Errorf("%w: refused as malformed: %s", ErrProtocol, reply.Data)
	}
}
