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

	// ErrConflict: CompareAndSet found another version than the given one, or the condition
	// of a write does not hold. Nothing was changed. The error is a *ConflictError, which
	// has the current version.
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

	// ErrTxTooLarge: a transaction has too many operations or bytes, or its results
	// would. Nothing was changed.
	ErrTxTooLarge = errors.New("driver: the transaction is too large")

	// ErrClosed: the handle, or the embedded node that it reads, was closed before the
	// operation or while it was in flight. The operation was not executed, unless the
	// error is ErrOutcomeUnknown too.
	ErrClosed = errors.New("driver: the handle is closed")

	// ErrAbandoned: Close gave up outstanding asynchronous writes. The error is an
	// *AbandonedError, which has their number. Writes that were sent may have been
	// executed; the others were not and never will be. Call Flush before Close to wait
	// for them.
	ErrAbandoned = errors.New("driver: Close gave up asynchronous writes that were outstanding")

	// ErrUnavailable: no server answered before the context ended. The error wraps the
	// context's. A write was not executed, and never will be: it was not sent, or
	// every server that it reached refused it. With the option fail_fast, the
	// operation fails as soon as no server can be reached, and the error wraps the
	// reason.
	ErrUnavailable = errors.New("driver: no server executed the operation in time")

	// ErrOutcomeUnknown: the write was sent, and its outcome is not known, because its
	// context ended (the error then wraps the context's), the handle was closed, or
	// its session expired. The write has been executed once, or it still will be, or
	// it never will be. It can be executed only until the next write of the same
	// handle is executed, because that write tells the group to forget this one.
	ErrOutcomeUnknown = errors.New("driver: the outcome of the write is not known")

	// ErrSessionExpired: the group has forgotten the session of the handle, because
	// the handle was silent for too long. The write was not executed, unless the error
	// is ErrOutcomeUnknown too: then an earlier attempt may have been executed. Each
	// expiry is reported once: by the writes in flight, or else by the next write.
	// Later writes use a new session. Reads are not affected.
	ErrSessionExpired = errors.New("driver: the session has expired")

	// ErrNotOwner: the session is that of another DB. Each DB draws a secret when it is
	// opened, and its sessions, those of its Conns too, are for connections that show it. The
	// write was not executed. No handle asks for such a write, unless something on the way
	// changes what it sends.
	ErrNotOwner = errors.New("driver: the session belongs to another handle")

	// ErrGeneration: everything that the handle has seen and written is lost. Either
	// the group lost all members and began again without variables, or the servers now
	// belong to another group. A read returned nothing. If a write was executed, it
	// changed the lost state only. The loss is reported once, by the operations in
	// flight or by the next one. Later operations see the new state, in a new session.
	ErrGeneration = errors.New("driver: the group has lost its state and started again empty, or it is another group")

	// ErrTooManySessions: the group has reached its limit of 100,000 sessions. The
	// write was not executed. Close handles and Conns that are not needed, or share
	// them; dsm status lists the clients with the most sessions. If the client has
	// reached its own limit, the error is ErrTooManyOwnSessions too.
	ErrTooManySessions = errors.New("driver: the group has too many sessions")

	// ErrQuota: with this write the variables would exceed the quota of the group, in bytes
	// of keys and values together or in number. Nothing was changed. Deletes go on, and
	// writes after which there is less than before. The operator sets the quota at the
	// registry.
	ErrQuota = errors.New("driver: the quota of the group is used up")

	// ErrTooManyOwnSessions: this client has reached the limit of 10,000 sessions, or
	// all clients at its address together have reached 50,000. A client is a process,
	// unless the option client says otherwise. Other clients are not affected. The
	// write was not executed. A Conn is a session until its Close: close those that
	// are not needed. Stats has the number of sessions of a handle. Such an error is
	// ErrTooManySessions too.
	ErrTooManyOwnSessions = fmt.Errorf("%w of this client: close the Conns and handles that are not needed", ErrTooManySessions)

	// ErrOption: options of a call do not go together, or one has an impossible value.
	// Nothing was sent.
	ErrOption = errors.New("driver: impossible options")

	// ErrSnapshotGone: the servers do not keep the state at the position of a scan any
	// more. Begin again at a newer position.
	ErrSnapshotGone = errors.New("driver: the state at the position is not kept any more")

	// ErrReadOnly: a View does not write. Use Update.
	ErrReadOnly = errors.New("driver: a View does not write")

	// ErrTxDone: the function of the transaction has returned. What it wrote is committed, or
	// will be, or never will be: the result of Update says so.
	ErrTxDone = errors.New("driver: the function of the transaction has returned")

	// ErrLagged: a watch was too slow, or began too late: the servers do not keep the
	// changes that come next for it. The error is a *LaggedError, which says where to go
	// on.
	ErrLagged = errors.New("driver: the watch has missed changes")

	// ErrVersion: no server speaks a version of the protocol that this release
	// speaks. Nothing was executed.
	ErrVersion = errors.New("driver: the servers speak another version of the protocol")

	// ErrUnsupported: a member of the group runs a release that does not support the
	// operation. Nothing was changed, unless the error is ErrOutcomeUnknown too. Upgrade
	// all nodes first.
	ErrUnsupported = errors.New("driver: the group does not support the operation yet")

	// ErrProtocol: the program at the address does not speak the protocol. The text
	// says what it is, such as a registry. Nothing was executed, unless the error is
	// ErrOutcomeUnknown too.
	ErrProtocol = errors.New("driver: the server does not speak the protocol")
)

// ConflictError is the error of a CompareAndSet that found another version, of a write whose
// condition does not hold, and of an Update for which something changed each time.
type ConflictError struct {
	Key     string
	Version uint64 // the present one, 0 if there is no such variable; of an Update: always 0

	// Read is the position at which an Update has read what then changed: the variable, or,
	// with Range, one that its scan from Key on has returned, or would return now. It is 0 for
	// other writes.
	Read  uint64
	Range bool

	update bool // it is that of an Update
}

func (e *ConflictError) Error() string {
	switch {
	case e.Range:
		return fmt.Sprintf("%v: a scan from %q on, at position %d, would now return something else", ErrConflict, e.Key, e.Read)
	case e.update:
		return fmt.Sprintf("%v: %q has changed since position %d", ErrConflict, e.Key, e.Read)
	}
	if e.Version == 0 {
		return fmt.Sprintf("%v: %q does not exist", ErrConflict, e.Key)
	}
	return fmt.Sprintf("%v: %q has version %d", ErrConflict, e.Key, e.Version)
}

// Unwrap makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// LaggedError is the error of a watch that has missed changes. To go on, read what the
// variables are now, with Scan, and watch from the position of the scan on; the option
// Initial does both.
type LaggedError struct {
	Resume uint64 // the watch returned all changes up to this position
	Oldest uint64 // a watch from this position on misses nothing after it; 0 if that is not known
}

func (e *LaggedError) Error() string {
	return fmt.Sprintf("%v: it has all up to position %d, and changes are kept from position %d on", ErrLagged, e.Resume, e.Oldest)
}

// Unwrap makes errors.Is(err, ErrLagged) true.
func (e *LaggedError) Unwrap() error { return ErrLagged }
