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

// stream has the asynchronous writes of a session sent, in order: one goroutine,
// the pump, hands them to one connection after the other. What is below writer is
// guarded by the writer's lock. Package session decides.
type stream struct {
	handle *handle
	state  *state
	writer *writer
	ctx    context.Context // ends with the session's handle
	cancel context.CancelFunc
	wake   chan struct{} // full when the pump has something to do

	writes session.Stream[*Future, *attempt]
	room   chan struct{} // closed when there is room again; nil: nobody waits
	over   error         // why it takes no more, once it does not
	last   error         // why the last run failed

	timer *time.Timer
	armed bool

	finished []*Future // in one call of Settle
}

// attempt is a run of the stream's writes on a link.
type attempt struct {
	session.Run
	stream *stream
	link   *link
}

// streamLocked returns the session's stream, which it begins with the first write.
func (st *state) streamLocked(h *handle) *stream {
	w := st.writer
	if w.stream == nil {
		s := &stream{handle: h, state: st, writer: w, wake: make(chan struct{}, 1)}
		s.writes.Session = &w.session
		s.ctx, s.cancel = context.WithCancel(h.db.pool.ctx)
		if !h.db.streams.begin(s) {
			s.over = ErrClosed
		}
		w.stream = s
	}
	return w.stream
}

// end ends the stream: what is outstanding fails with cause, and with
// ErrOutcomeUnknown if it was sent. It returns the asynchronous writes among them,
// which are its handle's abandoned ones if the cause is ErrClosed.
func (s *stream) end(cause error) (givenUp AbandonedError) {
	s.writer.mu.Lock()
	if s.over == nil {
		s.over = cause
	}
	s.writes.GiveUp(func(_ *session.Operation, f *Future) {
		s.giveUpLocked(f, cause, nil)
		givenUp.count(f)
	})
	if errors.Is(cause, ErrClosed) {
		s.handle.abandoned.add(givenUp)
	}
	s.concludeLocked()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.writer.mu.Unlock()
	s.cancel()
	s.handle.db.streams.drop(s)
	return givenUp
}

// most is how many writes may be outstanding.
func (s *stream) most() int { return int(s.handle.db.streams.max.Load()) }

// issueLocked takes a write, whose value is the stream's, unless it returns why not.
func (s *stream) issueLocked(f *Future) session.Readiness {
	r := s.writes.Issue(&f.write, f, len(f.value), s.most())
	if r != session.Ready {
		return r
	}
	s.writer.outstanding.Store(int64(s.writes.Open()))
	if !s.armed {
		s.armLocked()
	}
	s.wakeLocked()
	return r
}

// wakeLocked wakes the pump if it waits and has something to do.
func (s *stream) wakeLocked() {
	if !s.writes.Woken() {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// armLocked has the time of writes looked at.
func (s *stream) armLocked() {
	s.armed = true
	interval := s.handle.db.timeout / session.TicksPerTimeout
	if s.timer == nil {
		s.timer = time.AfterFunc(interval, s.expire)
		return
	}
	s.timer.Reset(interval)
}

// expire gives up the writes that are older than the handle's timeout, and up to
// an eighth more.
func (s *stream) expire() {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	s.armed = false
	if s.over != nil {
		return
	}
	s.writes.Tick(func(_ *session.Operation, f *Future) { s.giveUpLocked(f, context.DeadlineExceeded, s.last) })
	s.concludeLocked()
	if s.writes.Open() > 0 {
		s.armLocked()
	}
}

// giveUpLocked ends a write without an answer.
func (s *stream) giveUpLocked(f *Future, cause, last error) {
	f.giveUp(cause, last)
	s.finished = append(s.finished, f)
}

// concludeLocked ends the waits for the writes that have ended. What the session has
// seen includes them already.
func (s *stream) concludeLocked() {
	s.writer.outstanding.Store(int64(s.writes.Open()))
	for _, f := range s.finished {
		f.finish()
	}
	clear(s.finished)
	s.finished = s.finished[:0]
	if s.room != nil && (s.over != nil || s.writes.Roomy(s.most())) {
		close(s.room)
		s.room = nil
	}
}

// Settle takes outcomes of writes of this run. (wire.Sink)
func (a *attempt) Settle(outcomes []wire.Outcome) { a.stream.settle(a, outcomes) }

func (s *stream) settle(a *attempt, outcomes []wire.Outcome) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	expired := false
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			s.writes.Lost(a, o.Tag, errors.Is(o.Err, wire.ErrNotSent))
			s.last = o.Err
			continue
		}
		op, f, verdict, ended := s.writes.Settle(a, o.Tag, &o.Reply)
		switch {
		case ended:
			s.answeredLocked(a, o, f, verdict)
			expired = expired || verdict == session.Expired
		case op != nil:
			s.last = fmt.Errorf("driver: node %s answered with status %d", a.link.info.NodeID, o.Reply.Status)
		}
	}
	s.state.raise(s.writes.Settled(a, rand.Float64()))
	if expired && s.handle.state.Load() == s.state {
		s.handle.life.endUnless(s.writer.session.ID()) // before a Future returns the error
	}
	s.concludeLocked()
	s.wakeLocked()
}

// answeredLocked ends a write that the group has answered.
func (s *stream) answeredLocked(a *attempt, o *wire.Outcome, f *Future, verdict session.Verdict) {
	switch verdict {
	case session.Expired:
		f.fail(ErrSessionExpired)
	case session.Superseded:
		f.fail(errSuperseded)
	default:
		f.answer(&o.Reply, a.link.info.NodeID)
	}
	s.finished = append(s.finished, f)
}
