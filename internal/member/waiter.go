package member

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/ring"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Waiter is told the answer to what it has asked for, once: the result of a command,
// or what a read has found.
type Waiter interface {
	// Answer is called by the owner of the turn, and must not block. size is how many
	// bytes of a command were admitted, 0 for what is no command of a client. The reply
	// is used again afterwards.
	Answer(tag uint64, size int, reply *wire.Reply)
}

// Ticket is who waits, and the tag by which it knows what for. The zero Ticket is
// nobody's.
type Ticket struct {
	Waiter
	Tag uint64
}

// replyOf is the answer to whoever waits for a command.
func replyOf(result *wire.Result) wire.Reply {
	return wire.Reply{Status: result.Status, Position: result.Position, Version: result.Version, Number: result.Number}
}

// answer gives a waiter its answer.
func (m *Member) answer(t Ticket, size int, reply wire.Reply) {
	if t.Waiter != nil {
		m.reply = reply
		t.Answer(t.Tag, size, &m.reply)
	}
}

// Answer answers a read that the host has taken over, see Read.Reached.
func (m *Member) Answer(t Ticket, reply wire.Reply) { m.answer(t, 0, reply) }

// waiters is a FIFO of those whose commands are under way, in the order of
// submission, which is the order of delivery.
type waiters struct {
	ring.Ring[pendingCommand]
	expired int // the oldest so many have had their answer
}

type pendingCommand struct {
	Ticket
	size  int           // of the command, as admitted
	since time.Duration // roughly when it was submitted, by the steady clock
}

func (w *waiters) take() (pendingCommand, bool) {
	if w.Len() == 0 {
		return pendingCommand{}, false
	}
	if !planted.On(planted.ExpiredForgotten) {
		w.expired = max(w.expired-1, 0)
	}
	return w.Pop(), true
}

// expire returns, one by one, who has waited since before a time and has no answer
// yet. The place in the FIFO remains.
func (w *waiters) expire(before time.Duration) (t Ticket, size int, ok bool) {
	if w.expired >= w.Len() || w.At(w.First()+uint64(w.expired)).since >= before {
		return Ticket{}, 0, false
	}
	return w.expireNext()
}

// expireNext is expire without a look at the time.
func (w *waiters) expireNext() (t Ticket, size int, ok bool) {
	if w.expired >= w.Len() {
		return Ticket{}, 0, false
	}
	p := w.At(w.First() + uint64(w.expired))
	w.expired++
	t, p.Ticket = p.Ticket, Ticket{}
	return t, p.size, true
}
