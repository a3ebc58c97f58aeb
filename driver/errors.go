package driver

import (
	"errors"
	"fmt"
)

// Errors of operations. Operations wrap them; test with errors.Is. Each says
// what is certain about an operation that returns it.
var (
	// ErrNotFound: there is no such variable. Nothing was changed, also by a
	// Delete.
	ErrNotFound = errors.New("driver: no such variable")

	// ErrConflict: CompareAndSet found another version than the one given, and
	// changed nothing. The error is a *ConflictError, which tells the present
	// version.
	ErrConflict = errors.New("driver: the variable has another version")

	// ErrNotInteger: Add found a value that is not the decimal text of an int64,
	// and changed nothing.
	ErrNotInteger = errors.New("driver: the value is not a decimal integer")

	// ErrOverflow: the sum of an Add does not fit an int64. Nothing was changed.
	ErrOverflow = errors.New("driver: the sum does not fit 64 bits")

	// ErrInvalidKey: a key is 1 to 1,024 bytes, of which the first is not zero.
	// Nothing was sent.
	ErrInvalidKey = errors.New("driver: a key must have 1 to 1024 bytes and not begin with a zero byte")

	// ErrTooLarge: the value is larger than the group allows, 1 MiB by default.
	// Nothing was changed.
	ErrTooLarge = errors.New("driver: the value is larger than the group allows")

	// ErrClosed: the handle was closed, before the operation or while it was in
	// flight, or the embedded node that it reads. The operation was not executed,
	// unless the error is ErrOutcomeUnknown too.
	ErrClosed = errors.New("driver: the handle is closed")

	// ErrAbandoned: Close has given up asynchronous writes that were outstanding.
	// The error is an *AbandonedError, which has their number. Those that were
	// sent may have been executed, the others were not and never will be. Call
	// Flush before Close to wait for them.
	ErrAbandoned = errors.New("driver: Close gave up asynchronous writes that were outstanding")

	// ErrUnavailable: no server answered before the context ended, whose error
	// it wraps. A write was certainly not executed, and never will be: it was
	// not sent, or every server it reached refused it. With the option fail_fast it
	// comes as soon as no server can be reached, and wraps why not.
	ErrUnavailable = errors.New("driver: no server could do it in time")

	// ErrOutcomeUnknown: the write was sent, and what became of it is not known:
	// its context ended (the error then wraps the context's), the handle was
	// closed, or its session has expired. It has been executed once, or it will
	// be, or it will not. It can still be executed only until the next write of
	// the same handle is executed: that one tells the group that nobody waits
	// for this one any more.
	ErrOutcomeUnknown = errors.New("driver: the outcome of the write is not known")

	// ErrSessionExpired: the group has forgotten the handle's session, because
	// it did not hear from it for too long. The write was not executed, unless
	// the error is ErrOutcomeUnknown too: then an earlier attempt may have been.
	// It is told once: to the writes in flight that meet it, or else to the
	// first that begins after it was found out. No write that begins after one
	// was told is told again; it begins a new session. What is read goes on
	// unharmed.
	ErrSessionExpired = errors.New("driver: the session has expired")

	// ErrGeneration: all that the handle has seen and written is gone. Either
	// every member of the group was lost and it began anew, empty, or the
	// servers now belong to another group. A read has returned nothing; what a
	// write did, if anything, it did to the state that is gone. It is told once,
	// to the operations at hand; those that follow see the new state, in a new
	// session.
	ErrGeneration = errors.New("driver: the group has lost its state and begun anew, or it is another group")

	// ErrTooManySessions: the group has as many sessions as it allows, 100,000 in
	// all. The write was not executed. Close the handles and Conns that are not
	// needed, or share them: dsm status names the clients that have the most. If it
	// is this client's own bound, the error is ErrTooManyOwnSessions too.
	ErrTooManySessions = errors.New("driver: the group has too many sessions")

	// ErrTooManyOwnSessions: this client, which is the process unless the option
	// client says otherwise, has as many sessions as the group allows to one, 10,000,
	// or the clients at its address have as many as are allowed together, 50,000.
	// Others are not concerned. The write was not executed. A Conn is a session until
	// its Close: close those that are not needed. Stats has the number of a handle.
	// Errors that are it are ErrTooManySessions too.
	ErrTooManyOwnSessions = fmt.Errorf("%w of this client: close the Conns and handles that are not needed", ErrTooManySessions)

	// ErrVersion: no server speaks a version of the protocol that this release
	// speaks. Nothing was executed.
	ErrVersion = errors.New("driver: the servers speak another version of the protocol")

	// ErrUnsupported: a member of the group is of a release that does not know the
	// operation. Nothing was changed. Upgrade all nodes first.
	ErrUnsupported = errors.New("driver: the group does not support the operation yet")

	// ErrProtocol: what listens at the address, or answered there, does not
	// speak the protocol; the text says what it is, such as a registry. Nothing was executed, unless the error is
	// ErrOutcomeUnknown too.
	ErrProtocol = errors.New("driver: the server does not speak the protocol")
)

// ConflictError is the error of a CompareAndSet that found another version.
type ConflictError struct {
	Key     string
	Version uint64 // the present one, 0 if there is no such variable
}

func (e *ConflictError) Error() string {
	if e.Version == 0 {
		return fmt.Sprintf("%v: %q does not exist", ErrConflict, e.Key)
	}
	return fmt.Sprintf("%v: %q has version %d", ErrConflict, e.Key, e.Version)
}

// Unwrap makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Unwrap() error { return ErrConflict }
