package server

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// turn does one turn of the protocol: what came in, what it makes ready, one
// write to each peer, the deliveries, one write to each client. It is part of owner.
func (r *replica) turn(work *inbox) (released int, goesOn bool) {
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
		size := c.end - c.start
		if refuses {
			r.released += size
			r.tell(c.ticket, size, wire.Reply{Status: wire.StatusUnavailable})
			continue
		}
		r.order(work.bytes[c.start:c.end], size, c.ticket)
	}
	r.advance()
	r.flushClients()
	released, r.released = r.released, 0
	return released, r.failed == nil
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

// order hands a command to the core, whose order it is answered in. size is how
// many bytes of it were admitted.
func (r *replica) order(raw []byte, size int, t ticket) {
	if !r.core.Submit(raw) {
		r.released += size
		r.tell(t, size, wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	r.submitted++
	if planted.On(planted.EarlyReturn) {
		r.tell(t, size, wire.Reply{Position: r.core.Position() + 1})
		t = ticket{}
	}
	r.waiting.push(pendingCommand{ticket: t, size: size, since: r.pulsed})
}

// orderOwn orders a command of the node itself, which needs no admission.
func (r *replica) orderOwn(c *wire.Command, t ticket) {
	r.order(c.Append(nil), 0, t)
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
