package member

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A session that has a lock is its client's alone: a command that names it is ordered for who has
// shown the lock's secret, and refused to others. The member that has a command ordered judges, by
// its own state: locks never change, and what a member has applied no other member contradicts.

// right is what a client may do in a session.
type right uint8

const (
	granted right = iota
	denied
	unknown // the member has not come to where the session would be opened
)

// right looks up what a client may do in a session.
func (m *Member) right(a *Account, session uint64) right {
	s := m.reader.state.Load()
	lock, alive := s.SessionLock(session)
	switch {
	case planted.On(planted.LockIgnored):
		return granted
	case alive && !a.Lock.Opens(lock):
		return denied
	case alive:
		a.uses = session
		return granted
	case session > s.Applied():
		return unknown
	default:
		return granted // it has ended, or never was one: the order refuses the command
	}
}

// judge reports whether a client's command may be ordered now. If not, it is answered, or waits
// until the member knows its session.
func (m *Member) judge(c *command, raw []byte) bool {
	right := m.right(c.account, c.session)
	if right == granted {
		return true
	}
	m.released += len(raw) // also of one that waits, which counts with the reads that do
	if right == denied {
		m.answer(c.Ticket, len(raw), notOwner(c.session))
		return false
	}
	m.addParked(&Read{
		Ticket: Ticket{Waiter: &heldCommand{c.Ticket, len(raw)}, Tag: c.Tag}, Account: c.account,
		Position: c.session, Key: string(raw), Deadline: m.clock.Steady() + DefaultTimeout, Reached: (*Member).judgeHeld,
	}, c.session)
	return false
}

// judgeHeld has a command ordered, or refuses it, that has waited for its session. Its client has
// gained nothing by asking early: the lock that the session was opened with is judged now.
func (m *Member) judgeHeld(p *Read) {
	switch {
	case m.reader.leaving.Load():
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	case m.right(p.Account, p.Position) == denied && !planted.On(planted.HeldUnjudged):
		m.finish(p, notOwner(p.Position))
	default:
		m.order([]byte(p.Key), 0, p.Ticket)
		m.due.ordered = true
	}
}

// notOwner answers a command in a session of another client.
func notOwner(session uint64) wire.Reply {
	return wire.Reply{Status: wire.StatusNotOwner, Data: fmt.Appendf(nil, "session %d belongs to another client", session)}
}

// heldCommand is who waits for a command that waits for its session, of which the turn has
// released its bytes already.
type heldCommand struct {
	Ticket
	size int // of the command, as admitted
}

// Answer is part of Waiter.
func (h *heldCommand) Answer(tag uint64, _ int, reply *wire.Reply) {
	h.Waiter.Answer(tag, h.size, reply)
}
