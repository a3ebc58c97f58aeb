package load

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
func (s *driverSession) Do(ctx context.Context, r *Request, a *Answer) {
	if ctx != s.ctx {
		// A run uses few contexts; one that traces costs memory.
		s.ctx, s.traced = ctx, driver.WithTrace(ctx, &s.trace)
	}
	s.trace = driver.OpTrace{}
	var err error
	switch r.Kind {
	case history.Get:
		err = s.get(r.Key, a)
	case history.GetStrong:
		err = s.get(r.Key, a, driver.Strong)
	case history.Set:
		a.Version, err = s.conn.Set(s.traced, r.Key, r.Value)
	case history.Delete:
		a.Version, err = s.conn.Delete(s.traced, r.Key)
	case history.CompareAndSet:
		a.Version, err = s.conn.CompareAndSet(s.traced, r.Key, r.Value, r.Expect)
	case history.Add:
		a.Sum, err = s.conn.Add(s.traced, r.Key, r.Delta)
		a.Version = s.trace.Position
	case history.Txn:
		err = s.transact(r, a)
	case history.ReadRange:
		err = s.scan(r, a)
	case history.CountRange:
		a.Found, err = s.conn.Count(s.traced, driver.Range(r.Key, r.Scan.To))
	default:
		panic("load: session.go does not know the operation " + string(r.Kind))
	}
	a.Position, a.Node = s.trace.Position, s.trace.Node
	a.Session, a.Seq = s.trace.Session, s.trace.Seq
	switch {
	case r.Kind.IsRead():
		judgeRead(a, err)
	case r.Kind == history.Txn:
		judgeTxn(r, a, err)
	default:
		judgeWrite(a, err)
	}
}

func (s *driverSession) get(key string, a *Answer, options ...driver.ReadOption) error {
	v, err := s.conn.Get(s.traced, key, options...)
	a.Value, a.Version = v.Data, v.Version
	if err == nil && a.Value == nil {
		a.Value = []byte{} // empty, not absent
	}
	return err
}

// judgeRead says what a read's error means. That there is no such variable is
// an answer like any other.
func judgeRead(a *Answer, err error) {
	a.Status = history.OK
	if err != nil && !errors.Is(err, driver.ErrNotFound) {
		a.Status, a.Err, a.Position = history.Fail, err, 0
	}
}

// refusals has the errors that the state of the variables gives, which the order
// can be held against, and what they mean.
var refusals = []struct {
	err     error
	because history.Refusal
}{
	{driver.ErrConflict, history.Conflict},
	{driver.ErrNotFound, history.NotFound},
	{driver.ErrNotInteger, history.NotInteger},
	{driver.ErrOverflow, history.Overflow},
	{driver.ErrQuota, history.Quota},
}

// certain has the errors of a write that was not executed and never will be,
// so long as they are not ErrOutcomeUnknown too.
var certain = []error{
	driver.ErrInvalidKey, driver.ErrTooLarge, driver.ErrUnavailable, driver.ErrSessionExpired,
	driver.ErrTooManySessions, driver.ErrVersion, driver.ErrProtocol, driver.ErrClosed, driver.ErrNotOwner, driver.ErrUnsupported,
}

// judgeWrite says what a write's error means for its outcome. An error that
// says nothing about it leaves it unknown.
func judgeWrite(a *Answer, err error) {
	if err == nil {
		a.Status = history.OK
		return
	}
	a.Version = 0
	if !errors.Is(err, driver.ErrOutcomeUnknown) {
		for _, r := range refusals {
			if errors.Is(err, r.err) {
				a.Status, a.Because = history.Fail, r.because
				return
			}
		}
	}
	a.Status, a.Err, a.Position = history.Unknown, err, 0
	if errors.Is(err, driver.ErrOutcomeUnknown) {
		return
	}
	for _, c := range certain {
		if errors.Is(err, c) {
			a.Status = history.Fail
		}
	}
}
