package session

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Session is what a handle knows of its session in the group: the id, the
// numbers of its writes, and whether a write has to return that the group has
// forgotten it. The zero value has not been opened yet. Whoever owns a Session
// locks it.
//
// What the session has seen, its position, is not in here but beside it, see
// [Raise]: reads need nothing else, and a handle's readers share no lock.
type Session struct {
	id     uint64 // in the group, 0 while it is not open
	lost   uint64 // id of a session that has expired, which no write has returned yet
	active bool   // a write was answered since the last Renew
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
	// Lost: it must not be sent. It returns that the session has expired, which no
	// write has returned yet. The next write begins a new session.
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
// answer. Its writes are numbered from 1.
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

// End notes that a write or a renewal has ended, with a reply or without one. If the
// reply was that the session has expired, the caller of a write learns so, and no later
// write returns the same. After a renewal a write in flight that gets this reply returns
// it, or else the next one, even before that: it must not go on in a new session as if
// nothing had happened.
func (s *Session) End(op *Operation) {
	switch {
	case op.expired && op.Kind == Write:
		if s.id == op.session {
			s.id = 0
		}
		if s.lost == op.session {
			s.lost = 0
		}
	case s.id != op.session: // that one is gone, with all its numbers
	case op.expired:
		s.id, s.lost = 0, op.session
	case op.seq != 0:
		s.writes.End(op.seq)
		if !op.answered {
			return
		}
		s.active = true
		if s.tail == op.seq {
			s.tail = 0
		}
	}
}

// Renew makes op the renewal of a session that is due: it is open, and no write was
// answered since the last Renew. It returns the command of the operation, which must be
// ended by End. If nothing is due, ok is false.
func (s *Session) Renew(op *Operation) (command wire.Command, ok bool) {
	due := s.id != 0 && !s.active
	s.active = false
	return upkeep(op, wire.OpRenewSession, s.id), due
}

// RenewAs makes op the renewal of the session with an id, also if a write was answered
// lately. If that is not the session's any more, ok is false.
func (s *Session) RenewAs(op *Operation, id uint64) (command wire.Command, ok bool) {
	return upkeep(op, wire.OpRenewSession, id), s.id == id
}

// Lapse notes that the session with an id counts as expired, as the end of a renewal does that
// the group has answered so.
func (s *Session) Lapse(id uint64) {
	if id != 0 && s.id == id {
		s.id, s.lost = 0, id
	}
}

// ID returns the id of the session, 0 if it is not open.
func (s *Session) ID() uint64 { return s.id }

// Close ends the session, and makes op the operation that closes it in the group. It
// returns the command of the operation. If the session is not open, ok is false.
func (s *Session) Close(op *Operation) (command wire.Command, ok bool) {
	id := s.id
	s.id, s.lost = 0, 0
	return upkeep(op, wire.OpCloseSession, id), id != 0
}

func upkeep(op *Operation, what wire.Op, id uint64) wire.Command {
	*op = Operation{Kind: Upkeep, session: id}
	return wire.Command{Op: what, Session: id}
}
