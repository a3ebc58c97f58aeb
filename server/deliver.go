package server

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// apply applies a message at its place in the order and tells everyone who
// waits for it.
func (r *replica) apply(d *isis.Delivery) {
	s := r.state.Load()
	payload := d.Payload
	if planted.On(planted.JoinerMisses) && !r.serving.Load() && d.View != 0 && r.core.View().ID != d.View {
		payload = nil // the positions pass, the writes are lost
	}
	s.ApplyMessage(d.First, int(d.Count), payload, &r.outcome)
	if d.Own {
		for _, result := range r.outcome.Results {
			p, ok := r.waiting.pop()
			if !ok {
				panic("server: an own message was delivered with more commands than were submitted")
			}
			r.released += p.bytes
			r.answer(p.waiter, result)
		}
	}
	if r.cfg.OnDeliver == nil && len(r.feeds) == 0 {
		return
	}
	r.delivery = wire.Delivery{
		View: d.View, Sender: d.Sender.ID, Incarnation: d.Sender.Incarnation, Seq: d.Seq,
		First: d.First, Count: int(d.Count), Payload: d.Payload, Effects: r.outcome.Effects,
	}
	if r.cfg.OnDeliver != nil {
		r.cfg.OnDeliver(&r.delivery)
		r.outcome.Effects = nil
	}
	for _, f := range r.feeds {
		f.add(&r.delivery)
	}
}

// answer tells a waiter the result of its command.
func (r *replica) answer(w waiter, result wire.Result) {
	switch {
	case w.call != nil:
		w.call(result)
	case w.conn != nil:
		w.conn.reply(&wire.Reply{
			ID: w.id, Status: result.Status, Position: result.Position,
			Version: result.Version, Number: result.Number,
		})
		r.touch(w.conn)
	}
}

// touch has the connection flushed at the end of the turn.
func (r *replica) touch(c *clientConn) {
	if !c.touched {
		c.touched = true
		r.dirty = append(r.dirty, c)
	}
}

// parkedRead waits until the replica has applied a position. done is called
// from the protocol loop and must not block.
type parkedRead struct {
	position uint64
	deadline time.Time // zero: none
	done     func(wire.Reply)
	conn     *clientConn // to be flushed afterwards; may be nil
	key      string
}

// maxParked bounds the reads that wait at a replica.
const maxParked = 1 << 17

// park answers a read once the replica has reached its position. Owner only.
func (r *replica) park(p parkedRead) {
	switch {
	case r.state.Load().Applied() >= p.position:
		r.read(p)
	case len(r.parked) >= maxParked:
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	default:
		r.parked = append(r.parked, p)
	}
}

func (r *replica) read(p parkedRead) {
	r.finish(p, getReply(r.state.Load().Get(p.key)))
}

func (r *replica) finish(p parkedRead, reply wire.Reply) {
	p.done(reply)
	if p.conn != nil {
		r.touch(p.conn)
	}
}

// wake answers the parked reads whose position has been reached.
func (r *replica) wake() {
	if len(r.parked) == 0 {
		return
	}
	applied := r.state.Load().Applied()
	r.parked = slices.DeleteFunc(r.parked, func(p parkedRead) bool {
		if p.position > applied {
			return false
		}
		r.read(p)
		return true
	})
}

// expireReads answers the parked reads whose client has given up.
func (r *replica) expireReads(now time.Time) {
	r.parked = slices.DeleteFunc(r.parked, func(p parkedRead) bool {
		if p.deadline.IsZero() || now.Before(p.deadline) {
			return false
		}
		r.finish(p, wire.Reply{Status: wire.StatusTimeout})
		return true
	})
}

func getReply(value []byte, version, position uint64) wire.Reply {
	if version == 0 {
		return wire.Reply{Status: wire.StatusNotFound, Position: position}
	}
	return wire.Reply{Position: position, Version: version, Data: value}
}

// barrier is an ordered no-op and those that wait for it: all that came before
// the message that carries it went out.
type barrier struct {
	number  uint64 // among the commands submitted
	waiters []func(wire.Result)
}

// awaitBarrier calls done when a no-op that is ordered after this moment has
// been delivered here. Owner only.
func (r *replica) awaitBarrier(done func(wire.Result)) {
	if r.barrier != nil && r.barrier.number > r.submitted-uint64(r.core.Pending()) {
		r.barrier.waiters = append(r.barrier.waiters, done)
		return
	}
	b := &barrier{number: r.submitted + 1, waiters: []func(wire.Result){done}}
	r.barrier = b
	r.orderOwn(&wire.Command{Op: wire.OpBarrier}, func(result wire.Result) {
		for _, done := range b.waiters {
			done(result)
		}
	})
}

// readStrong answers a read once a barrier ordered after its arrival is here.
func (r *replica) readStrong(p parkedRead) {
	r.awaitBarrier(func(result wire.Result) {
		if result.Status != wire.StatusOK {
			r.finish(p, wire.Reply{Status: result.Status})
			return
		}
		p.position = max(p.position, result.Position)
		r.park(p)
	})
}
