package bench

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// driverSession is a memory through the driver: a driver.Conn, which has a
// session of its own.
type driverSession struct {
	conn  *driver.Conn
	trace driver.OpTrace

	ctx    context.Context // that traced was made from
	traced context.Context // fills in trace
}

// Session opens the session in the group.
func (s *driverSession) Session(ctx context.Context) (uint64, error) { return s.conn.SessionID(ctx) }

// Close ends the session.
func (s *driverSession) Close() error { return s.conn.Close() }

// Do carries out a request through the driver.
func (s *driverSession) Do(ctx context.Context, r *request, a *answer) {
	if ctx != s.ctx {
		// A run uses few contexts; one that traces costs memory.
		s.ctx, s.traced = ctx, driver.WithTrace(ctx, &s.trace)
	}
	s.trace = driver.OpTrace{}
	var err error
	switch r.kind {
	case history.Get:
		err = s.get(r.key, a)
	case history.GetStrong:
		err = s.get(r.key, a, driver.Strong)
	case history.Set:
		a.version, err = s.conn.Set(s.traced, r.key, r.value)
	case history.Delete:
		a.version, err = s.conn.Delete(s.traced, r.key)
	case history.CompareAndSet:
		a.version, err = s.conn.CompareAndSet(s.traced, r.key, r.value, r.expect)
	case history.Add:
		a.sum, err = s.conn.Add(s.traced, r.key, r.delta)
		a.version = s.trace.Position
	default:
		panic("bench: session.go does not know the operation " + string(r.kind))
	}
	a.position, a.node = s.trace.Position, s.trace.Node
	a.session, a.seq = s.trace.Session, s.trace.Seq
	if r.kind.IsRead() {
		judgeRead(a, err)
	} else {
		judgeWrite(a, err)
	}
}

func (s *driverSession) get(key string, a *answer, options ...driver.ReadOption) error {
	v, err := s.conn.Get(s.traced, key, options...)
	a.value, a.version = v.Data, v.Version
	if err == nil && a.value == nil {
		a.value = []byte{} // empty, not absent
	}
	return err
}

// judgeRead says what a read's error means. That there is no such variable is
// an answer like any other.
func judgeRead(a *answer, err error) {
	a.status = history.OK
	if err != nil && !errors.Is(err, driver.ErrNotFound) {
		a.status, a.err, a.position = history.Fail, err, 0
	}
}

// refusals has the errors that the state of a variable gives, which the order
// can be held against, and what they mean.
var refusals = []struct {
	err     error
	because history.Refusal
}{
	{driver.ErrConflict, history.Conflict},
	{driver.ErrNotFound, history.NotFound},
	{driver.ErrNotInteger, history.NotInteger},
	{driver.ErrOverflow, history.Overflow},
}

// certain has the errors of a write that was not executed and never will be,
// so long as they are not ErrOutcomeUnknown too.
var certain = []error{
	driver.ErrInvalidKey, driver.ErrTooLarge, driver.ErrUnavailable, driver.ErrSessionExpired,
	driver.ErrTooManySessions, driver.ErrVersion, driver.ErrProtocol, driver.ErrClosed,
}

// judgeWrite says what a write's error means for its outcome. An error that
// says nothing about it leaves it unknown.
func judgeWrite(a *answer, err error) {
	if err == nil {
		a.status = history.OK
		return
	}
	a.version = 0
	if !errors.Is(err, driver.ErrOutcomeUnknown) {
		for _, r := range refusals {
			if errors.Is(err, r.err) {
				a.status, a.because = history.Fail, r.because
				return
			}
		}
	}
	a.status, a.err, a.position = history.Unknown, err, 0
	if errors.Is(err, driver.ErrOutcomeUnknown) {
		return
	}
	for _, c := range certain {
		if errors.Is(err, c) {
			a.status = history.Fail
		}
	}
}
