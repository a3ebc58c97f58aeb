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

const (
	// maxAsyncBytes bounds the values of the asynchronous writes of a session
	// that have not ended. One is always taken.
	maxAsyncBytes = 64 << 20

	// ticksPerTimeout is how often within the handle's timeout a stream looks
	// for writes whose time is up.
	ticksPerTimeout = 8
)

// stream has the asynchronous writes of a session sent, in order: one goroutine,
// the pump, hands them to one connection after the other. What is below writer is
// guarded by the writer's lock.
type stream struct {
	handle *handle
	state  *state
	writer *writer
	ctx    context.Context // ends with the session's handle
	cancel context.CancelFunc
	wake   chan struct{} // full when the pump has something to do

	pipeline session.Pipeline[*Future]
	bytes    int           // of the values of writes that have not ended
	room     chan struct{} // closed when there is room again; nil: nobody waits
	over     error         // why it takes no more, once it does not

	present *attempt      // the run under way; nil: nothing is
	past    []*attempt    // that may still be answered
	suspect *attempt      // its server does not do well
	delay   time.Duration // before the next run
	starved bool          // the connection has no room until something is settled
	parked  bool          // the pump waits for wake
	last    error         // why the last run failed

	tick  uint32 // how often timer has fired
	timer *time.Timer
	armed bool

	finished []*Future // in one call of Settle
}

// attempt is a run of a pipeline on a link.
type attempt struct {
	stream   *stream
	run      uint64
	link     *link
	inFlight int // writes whose outcome the link has yet to tell
}

// streamLocked returns the session's stream, which it begins with the first write.
func (st *state) streamLocked(h *handle) *stream {
	w := st.writer
	if w.stream == nil {
		s := &stream{handle: h, state: st, writer: w, wake: make(chan struct{}, 1)}
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
	for s.pipeline.Open() > 0 {
		s.giveUpLocked(func(f *Future) {
			f.giveUp(cause, nil)
			givenUp.count(f)
		})
	}
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

// issueLocked takes a write that its session has numbered. Its value is the
// stream's.
func (s *stream) issueLocked(f *Future) {
	f.age = s.tick
	s.bytes += len(f.value)
	s.pipeline.Issue(&f.write, f)
	s.writer.outstanding.Store(int64(s.pipeline.Open()))
	if !s.armed {
		s.armLocked()
	}
	s.wakeLocked()
}

// wakeLocked has the pump look again.
func (s *stream) wakeLocked() {
	if !s.parked {
		return
	}
	s.parked = false
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// fullLocked reports whether the next write has to wait.
func (s *stream) fullLocked() bool {
	return s.pipeline.Open() >= int(s.handle.db.streams.max.Load()) || s.bytes > maxAsyncBytes
}

// armLocked has the time of writes looked at.
func (s *stream) armLocked() {
	s.armed = true
	interval := s.handle.db.timeout / ticksPerTimeout
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
	s.tick++
	for {
		f, ok := s.pipeline.Oldest()
		if !ok || s.tick-f.age <= ticksPerTimeout {
			break
		}
		s.giveUpLocked(func(f *Future) { f.giveUp(context.DeadlineExceeded, s.last) })
	}
	s.concludeLocked()
	if s.pipeline.Open() > 0 {
		s.armLocked()
	}
}

// giveUpLocked ends the oldest write without an answer.
func (s *stream) giveUpLocked(fail func(*Future)) {
	op, f := s.pipeline.GiveUp()
	s.writer.session.End(op, false)
	fail(f)
	s.finished = append(s.finished, f)
}

// concludeLocked tells those who wait for the writes that have ended. What the
// session has seen includes them already.
func (s *stream) concludeLocked() {
	for _, f := range s.finished {
		s.bytes -= len(f.value)
	}
	s.writer.outstanding.Store(int64(s.pipeline.Open()))
	for _, f := range s.finished {
		f.finish()
	}
	clear(s.finished)
	s.finished = s.finished[:0]
	if s.room == nil {
		return
	}
	// Those who wait come back when there is room for many of them.
	most := int(s.handle.db.streams.max.Load())
	if s.over != nil || s.pipeline.Open() <= most-max(most/4, 1) && s.bytes <= maxAsyncBytes*3/4 {
		close(s.room)
		s.room = nil
	}
}

// Settle takes outcomes of writes of this run. (wire.Sink)
func (a *attempt) Settle(outcomes []wire.Outcome) { a.stream.settle(a, outcomes) }

func (s *stream) settle(a *attempt, outcomes []wire.Outcome) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	a.inFlight -= len(outcomes)
	failed, elsewhere, position := false, false, uint64(0)
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			s.pipeline.NoReply(a.run, o.Tag, errors.Is(o.Err, wire.ErrNotSent))
			failed, elsewhere, s.last = true, true, o.Err
			continue
		}
		op, f, verdict := s.pipeline.Reply(a.run, o.Tag, &o.Reply)
		switch {
		case op == nil:
		case verdict.Final():
			s.answeredLocked(a, o, f, verdict)
			position = max(position, f.reply.Position)
		default:
			failed, elsewhere = true, elsewhere || verdict.Elsewhere()
			s.last = fmt.Errorf("driver: node %s answered with status %d", a.link.info.NodeID, o.Reply.Status)
		}
	}
	s.state.raise(position)
	if failed {
		s.failLocked(a, elsewhere)
	}
	s.concludeLocked()
	if s.starved || s.pipeline.Open() == 0 || s.pipeline.Unsent() || a.inFlight == 0 && a != s.present {
		s.starved = false
		s.wakeLocked()
	}
}

// answeredLocked ends a write that the group has answered.
func (s *stream) answeredLocked(a *attempt, o *wire.Outcome, f *Future, verdict session.Verdict) {
	w := s.writer
	switch verdict {
	case session.Expired:
		w.session.Told(&f.write)
		f.fail(ErrSessionExpired)
	case session.Superseded:
		f.fail(fmt.Errorf("%w: the group does not keep it any more", ErrOutcomeUnknown))
	default:
		f.answer(&o.Reply, a.link.info.NodeID)
	}
	s.pipeline.End(o.Tag)
	w.session.End(&f.write, verdict == session.Answered || verdict == session.Declined)
	s.finished = append(s.finished, f)
}

// failLocked begins another run if the attempt's is under way, at another server
// if this one does not do well.
func (s *stream) failLocked(a *attempt, elsewhere bool) {
	if elsewhere {
		s.suspect = a
	}
	if !s.pipeline.Again(a.run) {
		return
	}
	s.delay = s.pipeline.Pause(rand.Float64())
	s.starved = false
}
