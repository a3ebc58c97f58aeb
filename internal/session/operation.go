package session

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Kind is what an operation asks for.
type Kind uint8

// The kinds of operations.
const (
	Get    Kind = iota // a read, plain or strong
	Write              // of a variable, numbered in its session
	Open               // a session
	Upkeep             // renew or close one: no caller waits for it
	Ping
)

// Operation is one call of a handle, with all its attempts, of which one at a
// time is under way. Its owner makes them; it decides what each carries and what
// comes after it. The zero value with a Kind has not been tried yet.
type Operation struct {
	Kind Kind

	attempts int
	sent     bool   // an attempt may have executed the command
	answered bool   // the reply was its answer
	expired  bool   // the reply was that the session has expired
	asked    uint64 // the position that the last attempt asked for

	// Of a write, and the session of a renewal.
	session uint64 // its session's id, 0 until it is numbered
	seq     uint64 // its number there
	floor   uint64 // of its last attempt
	prev    uint64 // the number that has to be executed before it, 0: none
}

// Attempt counts an attempt in. It returns the position that a node must have
// reached to answer it: all that the session has seen by now.
func (op *Operation) Attempt(seen uint64) (position uint64) {
	op.attempts++
	op.asked = seen
	if planted.On(planted.PositionForgotten) && op.attempts > 1 {
		op.asked = 0
	}
	return op.asked
}

// Attempts is how many attempts were made.
func (op *Operation) Attempts() int { return op.attempts }

// Asked is the position that the last attempt asked for.
func (op *Operation) Asked() uint64 { return op.asked }

// Numbered returns what names a write in the group: its session's id and its
// number there. Both are 0 until it is numbered.
func (op *Operation) Numbered() (session, seq uint64) { return op.session, op.seq }

// Unknown reports whether a write that ends without an answer has an unknown
// outcome: an attempt may have been executed, or may yet be. If not, the write
// was not executed and never will be.
func (op *Operation) Unknown() bool { return op.sent && op.Kind == Write }

// Reply takes the reply to the last attempt.
func (op *Operation) Reply(reply *wire.Reply) Verdict {
	switch reply.Status {
	case wire.StatusOK, wire.StatusNotFound, wire.StatusConflict, wire.StatusNotInteger, wire.StatusOverflow, wire.StatusQuota:
		if op.Kind == Get && reply.Position < op.asked {
			return Behind
		}
		op.answered = true
		return Answered
	case wire.StatusTooLarge, wire.StatusBadRequest, wire.StatusTooManySessions, wire.StatusUnsupported, wire.StatusNotOwner:
		return Declined
	case wire.StatusSessionExpired:
		op.expired = true
		if op.Kind != Write {
			return Declined
		}
		return Expired
	case wire.StatusStaleSequence:
		return Superseded
	case wire.StatusTooManyResults:
		return Crowded
	case wire.StatusOutOfOrder:
		return OutOfOrder
	case wire.StatusUnavailable:
		if planted.On(planted.UnknownForgotten) {
			op.sent = false
		}
		if planted.On(planted.RefusalUnknown) {
			op.sent = true
		}
		return Refused
	case wire.StatusGeneration:
		return Estranged
	case wire.StatusTimeout:
		op.sent = true
		return TimedOut
	case wire.StatusInterrupted:
		op.sent = true
		return Interrupted
	default:
		op.sent = true
		return Incomprehensible
	}
}

// NoReply takes the end of the last attempt without a reply: the connection
// broke, or the caller went away. With notSent the request certainly did not
// reach the node.
func (op *Operation) NoReply(notSent bool) Verdict {
	if !notSent {
		op.sent = true
	}
	return Unanswered
}

// Moves reports whether an operation goes on over a connection to another generation,
// or group, than that of its session. It does so only if the session has seen and
// written nothing (blank) that is gone now. An upkeep has nothing to do there.
func (op *Operation) Moves(blank bool) bool { return blank && op.Kind != Upkeep }

// Pause is how long to wait before another attempt (asynchronous writes wait by
// Pipeline.Pause): not at all after the first,
// since another server may do better at once, and longer each time after that.
// random is from [0, 1).
func (op *Operation) Pause(random float64) time.Duration {
	if op.attempts < 2 {
		return 0
	}
	return Backoff(op.attempts-1, random)
}
