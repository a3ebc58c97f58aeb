package session

import (
	"slices"
	"time"
)

// Bounds of what is handed to a connection at once.
const (
	batchWrites = 256
	batchBytes  = 256 << 10
)

// roomPause is how long the sender waits for a connection whose room is all taken by
// others, of which it hears nothing.
const roomPause = time.Millisecond

// Step is what the sender of a stream's writes has to do next.
type Step uint8

// What it has to do.
const (
	// Park: wait until it is Woken.
	Park Step = iota
	// Rest: wait for the pause.
	Rest
	// Send: hand over the next Batch of the Present run, which has to Begin first if
	// there is none.
	Send
)

// Step decides what comes next.
func (s *Stream[W, A]) Step() (step Step, pause time.Duration) {
	pause, s.delay = s.delay, 0
	switch {
	case pause != 0:
		return Rest, pause
	case s.starved || !s.pipeline.Unsent():
		s.parked = true
		return Park, 0
	default:
		return Send, 0
	}
}

// wake has a sender that is parked look again.
func (s *Stream[W, A]) wake() {
	s.woken = s.woken || s.parked
	s.parked = false
}

// Woken reports, once, that a sender which is parked has something to do.
func (s *Stream[W, A]) Woken() bool {
	woken := s.woken
	s.woken = false
	return woken
}

// Release appends to idle the attempts on whose connections nothing is under way any
// more. If suspect, the server of blamed does not do well.
func (s *Stream[W, A]) Release(idle []A) (_ []A, blamed A, suspect bool) {
	if p := s.present; p != nil && (p.number != s.pipeline.Run() || p.inFlight == 0 && !s.pipeline.Unsent()) {
		s.leave()
	}
	s.past = slices.DeleteFunc(s.past, func(a A) bool {
		done := a.own().inFlight == 0
		if done {
			idle = append(idle, a)
		}
		return done
	})
	suspect, s.suspect = s.suspect, false
	return idle, s.blamed, suspect
}

// leave lets the present run be answered, and sends no more of it.
func (s *Stream[W, A]) leave() {
	s.past = append(s.past, s.on)
	s.present = nil
}

// Present returns the attempt of the present run, if it has begun. If usable does not
// hold for its connection, what is not under way there has to go elsewhere, in order: in
// another run, which has not begun.
func (s *Stream[W, A]) Present(usable func(A) bool) (a A, ok bool) {
	if s.present != nil && !usable(s.on) {
		s.pipeline.Again(s.present.number)
	}
	if s.present != nil && s.present.number != s.pipeline.Run() {
		s.leave()
	}
	return s.on, s.present != nil
}

// Begin begins the present run as an attempt.
func (s *Stream[W, A]) Begin(a A) {
	s.present, s.on = a.own(), a
	s.present.number = s.pipeline.Run()
}

// Batch calls add for each write that an attempt's connection is to get next, and
// counts an attempt at each. There is none if something went wrong with its run
// meanwhile.
func (s *Stream[W, A]) Batch(a A, add func(ordinal uint64, op *Operation, write W)) {
	run := a.own()
	if run.number != s.pipeline.Run() {
		return
	}
	for n, bytes := 0, 0; n < batchWrites && bytes < batchBytes; n++ {
		ordinal, op, write, ok := s.pipeline.Next()
		if !ok {
			return
		}
		run.inFlight++
		bytes += s.pipeline.writes.At(ordinal).bytes
		add(ordinal, op, write)
	}
}

// NotTaken takes back n writes of a Batch, from an ordinal on, for which the connection
// has no room, or, if it has failed, which it does not take any more. random is from
// [0, 1).
func (s *Stream[W, A]) NotTaken(a A, from uint64, n int, failed bool, random float64) {
	run := a.own()
	run.inFlight -= n
	s.pipeline.Unsend(run.number, from)
	switch {
	case failed:
		s.fail(a, true, random)
	case run.number != s.pipeline.Run():
	case run.inFlight > 0:
		s.starved = true
	default:
		s.delay = roomPause
	}
}

// Left returns the attempts that have not been released, once the sender has come to
// its end.
func (s *Stream[W, A]) Left() []A {
	if s.present != nil {
		s.leave()
	}
	left := s.past
	s.past = nil
	return left
}
