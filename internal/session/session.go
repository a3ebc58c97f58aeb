package session

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Session is what a handle knows of its session in the group: the id, the
// numbers of its writes, and whether the application has to be told that the
// group has forgotten it. The zero value has not been opened yet. Whoever owns a
// Session locks it.
//
// What the session has seen, its position, is not in here but beside it, see
// [Raise]: reads need nothing else, and a handle's readers share no lock.
type Session struct {
	id     uint64 // in the group, 0 while it is not open
	lost   uint64 // id of a session that has expired without anybody having been told
	active bool   // a write was answered since Due was asked last
	writes Sequence

	// tail is the number of the latest asynchronous write, which all that begin
	// after it name as their predecessor, and 0 once it is known to have been
	// executed, as then are all before it.
	tail uint64
}

// Readiness says what a write has to do before it can be sent.
type Readiness uint8

// What it has to do.
const (
	// Ready: nothing.
	Ready Readiness = iota
	// Unopened: the session has to be opened in the group first, by an operation
	// of kind Open, whose reply goes to Opened.
	Unopened
	// Full: it must not be taken into a Stream before there is room.
	Full
	// Lost: it must not be sent. Its caller is to be told that the session has
	// expired, which nobody has been told. The next write begins a new one.
	Lost
)

// Raise returns what a session has seen that had seen a position and gets an
// answer from another. It never goes back.
func Raise(seen, position uint64) uint64 { return max(seen, position) }

// Blank reports whether the session has nothing that it could lose.
func (s *Session) Blank() bool { return s.id == 0 && s.lost == 0 }

// Use returns the id of the session if that is open. Lost is returned once.
func (s *Session) Use() (id uint64, r Readiness) {
	switch {
	case s.lost != 0:
		s.lost = 0
		return 0, Lost
	case s.id == 0:
		return 0, Unopened
	default:
		return s.id, Ready
	}
}

// Opened notes that the group has opened the session: id is the position of the
// answer. It begins its numbers anew.
func (s *Session) Opened(id uint64) {
	s.id, s.active, s.writes, s.tail = id, false, Sequence{}, 0
}

// Begin numbers a write, if the session is ready for it. The write must be ended
// by End.
func (s *Session) Begin(op *Operation) Readiness {
	id, r := s.Use()
	if r == Ready {
		op.session, op.seq, op.floor, op.prev = id, s.writes.Begin(), s.writes.Floor(), s.tail
	}
	return r
}

// BeginAsync is Begin for a write whose caller goes on without waiting for it:
// whatever the session writes after it is executed after it. A [Pipeline] has it
// sent.
func (s *Session) BeginAsync(op *Operation) Readiness {
	r := s.Begin(op)
	if r == Ready {
		s.tail = op.seq
	}
	return r
}

// Number gives an attempt's command the number that the write has in all its
// attempts, so that it takes effect once, its predecessor, and the floor as it is
// now: what nobody waits for any more may have become more since the last attempt.
func (s *Session) Number(op *Operation, command *wire.Command) {
	if s.id == op.session {
		if planted.On(planted.RetryRenumbered) && op.attempts > 1 {
			s.writes.End(op.seq)
			op.seq = s.writes.Begin()
		}
		op.floor = s.writes.Floor()
	}
	command.Session, command.Seq, command.Floor, command.Prev = op.session, op.seq, op.floor, op.prev
}

// End notes that nobody waits for a write any more, whether it was Answered or not.
func (s *Session) End(op *Operation) {
	if s.id != op.session {
		return // that one is gone, with all its numbers
	}
	s.writes.End(op.seq)
	if !op.answered {
		return
	}
	s.active = true
	if s.tail == op.seq {
		s.tail = 0
	}
}

// Told notes that the caller of a write is told that the write's session has
// expired, as the group has answered. No later write is told that again.
func (s *Session) Told(op *Operation) {
	if s.id == op.session {
		s.id = 0
	}
	if s.lost == op.session {
		s.lost = 0
	}
}

// Due returns the id of a session that has to be renewed: it is open, and no
// write was answered since Due was asked last. It is 0 if there is none.
func (s *Session) Due() uint64 {
	active := s.active
	s.active = false
	if active {
		return 0
	}
	return s.id
}

// Expired notes that a renewal found the session expired. Somebody has to be
// told: a write in flight which finds out, or else the next one, even before
// that, since it must not go on in a new session as if nothing had happened.
func (s *Session) Expired(id uint64) {
	if s.id == id {
		s.id, s.lost = 0, id
	}
}

// Close ends the session and returns its id, for it to be closed in the group, 0
// if it is not open.
func (s *Session) Close() uint64 {
	id := s.id
	s.id, s.lost = 0, 0
	return id
}
