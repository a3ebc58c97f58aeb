package session

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	// maxStreamBytes bounds the values of a stream's writes that have not ended. One
	// is always taken.
	maxStreamBytes = 64 << 20

	// TicksPerTimeout is how often within a handle's timeout Tick is called.
	TicksPerTimeout = 8
)

// Stream decides on the asynchronous writes of a session: which it takes, what is sent
// next, when, and over which connection, and what becomes of each. It has them in a
// [Pipeline]. W is what the caller keeps of a write, A what it keeps of a run on a
// connection. The zero value with a Session is ready for use. Whoever owns it locks it.
type Stream[W any, A Attempt] struct {
	Session *Session

	pipeline Pipeline[W]
	bytes    int    // of the values of writes that have not ended
	tick     uint32 // how often Tick was called

	present *Run          // the run under way; nil: none is
	on      A             // whose it is, if it is
	past    []A           // runs that may still be answered
	suspect bool          // the server of blamed does not do well
	blamed  A             // valid if suspect
	delay   time.Duration // before the next run
	starved bool          // the connection has no room until something is settled
	parked  bool          // the sender waits to be woken
	woken   bool          // it was parked, and has something to do

	// Of one round of Settle.
	failed, elsewhere bool
	position          uint64
}

// Attempt is a run of a stream on a connection: a pointer to a struct of the caller's
// in which a Run is embedded.
type Attempt interface {
	comparable
	own() *Run
}

// Run is what a Stream keeps of an attempt.
type Run struct {
	number   uint64
	inFlight int // writes without an outcome
}

func (r *Run) own() *Run { return r }

// Open is how many writes have not ended.
func (s *Stream[W, A]) Open() int { return s.pipeline.Open() }

// Awaited returns the write that a read of the session has to wait for, if there is
// one, as Pipeline.Awaited does.
func (s *Stream[W, A]) Awaited() (write W, ok bool) { return s.pipeline.Awaited() }

// AppendOpen appends all writes that have not ended to list.
func (s *Stream[W, A]) AppendOpen(list []W) []W { return s.pipeline.AppendOpen(list) }

// Issue numbers a write with a value of so many bytes, and takes it. If it returns
// Full, at least most writes, or 64 MiB of values, have not ended: the write has to
// wait for room (Roomy). If it returns Unopened or Lost, see Session.Begin.
func (s *Stream[W, A]) Issue(op *Operation, write W, bytes, most int) Readiness {
	full := s.pipeline.Open() >= most || s.bytes > maxStreamBytes
	if planted.On(planted.WaitersUncounted) && s.Session.writes.Floor() == 1 {
		full = false
	}
	if full {
		return Full
	}
	if r := s.Session.BeginAsync(op); r != Ready {
		return r
	}
	e := s.pipeline.writes.At(s.pipeline.Issue(op, write))
	e.bytes, e.age = bytes, s.tick
	s.bytes += bytes
	s.wake()
	return Ready
}

// Roomy reports whether those who found the stream full may come back: not before
// there is room for many of them.
func (s *Stream[W, A]) Roomy(most int) bool {
	return s.pipeline.Open() <= most-max(most/4, 1) && s.bytes <= maxStreamBytes*3/4
}

// Settle takes the reply to a write of a run. If ended, the write has ended, and v says
// how. Otherwise op is nil if it had ended before, or else v is why it is sent again.
// Settled has to be called after one or more replies.
func (s *Stream[W, A]) Settle(a A, ordinal uint64, reply *wire.Reply) (op *Operation, write W, v Verdict, ended bool) {
	run := a.own()
	run.inFlight--
	op, write, v = s.pipeline.Reply(run.number, ordinal, reply)
	switch {
	case op == nil:
		return nil, write, v, false
	case !v.Final():
		s.failed, s.elsewhere = true, s.elsewhere || v.Elsewhere()
		return op, write, v, false
	}
	if v == Answered && !planted.On(planted.StreamUnseen) {
		s.position = Raise(s.position, reply.Position)
	}
	s.bytes -= s.pipeline.writes.At(ordinal).bytes
	s.pipeline.End(ordinal)
	s.Session.End(op)
	return op, write, v, true
}

// Lost takes the end of an attempt at a write without a reply. With notSent it
// certainly did not reach the node. Settled has to be called afterwards.
func (s *Stream[W, A]) Lost(a A, ordinal uint64, notSent bool) {
	run := a.own()
	run.inFlight--
	s.pipeline.NoReply(run.number, ordinal, notSent)
	s.failed, s.elsewhere = true, true
}

// Settled concludes a round of Settle and Lost. It returns the position that the
// session has seen by the answers, before their writes' callers learn of them. random
// is from [0, 1).
func (s *Stream[W, A]) Settled(a A, random float64) (position uint64) {
	if s.failed {
		s.fail(a, s.elsewhere, random)
	}
	s.starved = false
	if s.pipeline.Unsent() || a.own().inFlight == 0 {
		s.wake()
	}
	position = s.position
	s.failed, s.elsewhere, s.position = false, false, 0
	return position
}

// fail begins another run if the attempt's is under way, at another server if this one
// does not do well.
func (s *Stream[W, A]) fail(a A, elsewhere bool, random float64) {
	if elsewhere {
		s.suspect, s.blamed = true, a
	}
	if s.pipeline.Again(a.own().number) {
		s.delay = s.pipeline.Pause(random)
	}
}

// Tick gives up, oldest first, the writes that were issued more than TicksPerTimeout
// ticks ago: ask Unknown about them.
func (s *Stream[W, A]) Tick(gaveUp func(op *Operation, write W)) {
	s.tick++
	for s.pipeline.Open() > 0 && s.tick-s.pipeline.writes.Front().age > TicksPerTimeout {
		s.giveUp(gaveUp)
	}
}

// GiveUp gives up all writes, oldest first: ask Unknown about them.
func (s *Stream[W, A]) GiveUp(gaveUp func(op *Operation, write W)) {
	for s.pipeline.Open() > 0 {
		s.giveUp(gaveUp)
	}
}

func (s *Stream[W, A]) giveUp(gaveUp func(op *Operation, write W)) {
	s.bytes -= s.pipeline.writes.Front().bytes
	op, write := s.pipeline.GiveUp()
	s.Session.End(op)
	gaveUp(op, write)
}
