package server

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// waiter is told the answer to what it has asked for, once: the result of a command,
// or what a read has found.
type waiter interface {
	// answer is called by the owner of the turn, and must not block. size is how many
	// bytes of a command were admitted, 0 for what is no command of a client. The reply
	// is used again afterwards.
	answer(tag uint64, size int, reply *wire.Reply)
}

// ticket is who waits, and what he knows it by. The zero ticket is nobody's.
type ticket struct {
	waiter
	tag uint64
}

// replyOf is what whoever waits for a command is told.
func replyOf(result *wire.Result) wire.Reply {
	return wire.Reply{Status: result.Status, Position: result.Position, Version: result.Version, Number: result.Number}
}

// tell tells a waiter the answer. Owner only.
func (r *replica) tell(t ticket, size int, reply wire.Reply) {
	if t.waiter != nil {
		r.reply = reply
		t.answer(t.tag, size, &r.reply)
	}
}

// waiters is a FIFO of those whose commands are under way, in the order of
// submission, which is the order of delivery.
type waiters struct {
	ring    []pendingCommand // length a power of two
	head    int
	n       int
	expired int // the oldest so many were told that time is up
}

type pendingCommand struct {
	ticket
	size  int       // of the command, as admitted
	since time.Time // roughly when it was submitted
}

func (w *waiters) push(p pendingCommand) {
	if w.n == len(w.ring) {
		bigger := make([]pendingCommand, max(64, 2*len(w.ring)))
		for i := range w.n {
			bigger[i] = w.ring[(w.head+i)&(len(w.ring)-1)]
		}
		w.ring, w.head = bigger, 0
	}
	w.ring[(w.head+w.n)&(len(w.ring)-1)] = p
	w.n++
}

func (w *waiters) pop() (pendingCommand, bool) {
	if w.n == 0 {
		return pendingCommand{}, false
	}
	p := w.ring[w.head]
	w.ring[w.head] = pendingCommand{}
	w.head = (w.head + 1) & (len(w.ring) - 1)
	w.n--
	w.expired = max(w.expired-1, 0)
	return p, true
}

// expire returns, one by one, who has waited since before a time and was not
// told so yet. The place in the FIFO remains.
func (w *waiters) expire(before time.Time) (t ticket, size int, ok bool) {
	if w.expired == w.n || !w.ring[(w.head+w.expired)&(len(w.ring)-1)].since.Before(before) {
		return ticket{}, 0, false
	}
	return w.expireNext()
}

// expireNext is expire without a look at the time.
func (w *waiters) expireNext() (t ticket, size int, ok bool) {
	if w.expired == w.n {
		return ticket{}, 0, false
	}
	p := &w.ring[(w.head+w.expired)&(len(w.ring)-1)]
	w.expired++
	t, p.ticket = p.ticket, ticket{}
	return t, p.size, true
}
