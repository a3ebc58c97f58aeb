package server

import (
	"math"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// guestTurns bounds the turns in a row of whoever has brought work. He has work
// of his own: a link's reader that does not read takes its peer for silent, a
// client connection's keeps its client waiting.
const guestTurns = 8

// turns works until nothing is left to do, or hands over to a goroutine that
// does.
func (r *replica) turns() {
	if !r.workOff(guestTurns) {
		r.background.Go(func() { r.workOff(math.MaxInt) })
	}
}

// workOff takes up to limit turns. It tells whether it has given up the turn:
// nothing was left, or the replica has ended.
func (r *replica) workOff(limit int) bool {
	var work *inbox
	for range limit {
		released := r.released
		r.released = 0
		if work = r.next(work, released); work == nil {
			return true // and another may own the turn already
		}
		r.turn(work)
		if r.failed != nil {
			r.end()
			return true
		}
	}
	r.keep(work)
	return false
}

// turn does one turn of the protocol: what came in, what it makes ready, one
// write to each peer, the deliveries, one write to each client.
func (r *replica) turn(work *inbox) {
	for i := range work.peers {
		p := &work.peers[i]
		if err := r.core.Step(p.from, &p.msg); err != nil {
			r.accuse(p.from, err)
		}
	}
	for _, call := range work.calls {
		call()
	}
	refuses := len(work.commands) > 0 && (r.leaving.Load() || !r.serves())
	for i := range work.commands {
		c := &work.commands[i]
		if refuses {
			r.released += c.end - c.start
			r.answer(c.waiter, wire.Result{Status: wire.StatusUnavailable})
			continue
		}
		r.order(work.bytes[c.start:c.end], c.waiter)
	}
	r.advance()
	r.flushClients()
}

// flushClients writes the replies of this turn, once to each client, and tells the
// process itself the outcomes of what it has submitted.
func (r *replica) flushClients() {
	r.settle()
	for _, c := range r.dirty {
		c.flush()
	}
	clear(r.dirty)
	r.dirty = r.dirty[:0]
}

// order hands a command to the core, in whose order the waiter waits.
func (r *replica) order(raw []byte, w waiter) {
	if !r.core.Submit(raw) {
		r.released += len(raw)
		r.answer(w, wire.Result{Status: wire.StatusUnavailable})
		return
	}
	r.submitted++
	if planted.On(planted.EarlyReturn) {
		r.answer(w, wire.Result{Position: r.core.Position() + 1})
		w = waiter{}
	}
	r.waiting.push(pendingCommand{waiter: w, bytes: len(raw), since: r.pulsed})
}

// orderOwn orders a command of the node itself.
func (r *replica) orderOwn(c *wire.Command, done func(wire.Result)) {
	raw := c.Append(nil)
	r.mu.Lock()
	r.admitted += len(raw)
	r.mu.Unlock()
	r.order(raw, waiter{call: done})
}

// advance takes from the core what is ready until nothing more is.
func (r *replica) advance() {
	ready := r.core.Ready()
	for i := range ready.Messages {
		r.net.Send(ready.Messages[i].To, &ready.Messages[i].Message)
	}
	r.net.Flush()
	for _, err := range ready.Rejected {
		r.log.Error("a peer breaks the protocol", "err", err)
	}
	for i := range ready.Deliveries {
		r.apply(&ready.Deliveries[i])
	}
	for i := range ready.Entered {
		r.entered(ready.Entered[i])
	}
	r.renewLease()
	r.wake()
	r.armAckTimer()
	r.beatIfNews()
	r.publishFeeds()
}

// armAckTimer sees to it that acknowledgements which wait for company go out
// alone after a while.
func (r *replica) armAckTimer() {
	if r.ackArmed || !r.core.AcksWait() {
		return
	}
	r.ackArmed = true
	r.ackTimer.Reset(ackDelay)
}

// ackDelay is how long an acknowledgement that nobody waits for may wait for a
// message to ride on.
const ackDelay = time.Millisecond

func (r *replica) sendAcks() {
	r.post(func() {
		r.ackArmed = false
		r.core.SendAcks()
	})
}
