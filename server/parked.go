package server

import (
	"math"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// defaultTimeout bounds how long a request waits that names no time of its own.
const defaultTimeout = 30 * time.Second

// parkedRead waits until the replica has applied a position. done is called
// from the protocol loop and must not block.
type parkedRead struct {
	position uint64
	deadline time.Time
	done     func(wire.Reply)
	conn     *clientConn // to be flushed afterwards; may be nil
	key      string
	status   wire.Status // of the barrier that a strong read waited for
	nothing  bool        // a barrier is all that was asked for
	list     bool        // key is a query for a page of a listing
	stale    bool        // the client accepts a listing that is stale
}

// afterBarrier is the position of a strong read whose barrier is under way.
const afterBarrier = math.MaxUint64

// maxParked bounds the reads that wait at a replica.
const maxParked = 1 << 17

// parking is the reads that wait. It belongs to the owner of the turn.
type parking struct {
	reads []*parkedRead
	next  uint64 // no read waits for a position below it
}

// park answers a read once the replica has reached its position. Owner only.
func (r *replica) park(p *parkedRead) {
	if r.state.Load().Applied() >= p.position {
		r.read(p)
		return
	}
	r.addParked(p)
}

// readStrong answers a read once a barrier ordered after its arrival is here.
// Owner only.
func (r *replica) readStrong(p *parkedRead) {
	seen := p.position
	p.position = afterBarrier
	if !r.addParked(p) {
		return
	}
	r.awaitBarrier(func(result wire.Result) {
		p.position, p.status = max(seen, result.Position), result.Status
		if result.Status != wire.StatusOK {
			p.position = 0
		}
		r.parked.next = min(r.parked.next, p.position)
	})
}

func (r *replica) addParked(p *parkedRead) bool {
	if len(r.parked.reads) >= maxParked || !r.serves() {
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return false
	}
	if len(r.parked.reads) == 0 {
		r.parked.next = p.position
	}
	r.parked.next = min(r.parked.next, p.position)
	r.parked.reads = append(r.parked.reads, p)
	return true
}

func (r *replica) read(p *parkedRead) {
	if p.status != wire.StatusOK {
		r.finish(p, wire.Reply{Status: p.status})
		return
	}
	if !r.serves() && !p.stale {
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	if p.nothing {
		r.finish(p, wire.Reply{Position: p.position})
		return
	}
	if p.list {
		r.list(p)
		return
	}
	r.finish(p, getReply(r.state.Load().Get(p.key)))
}

func (r *replica) finish(p *parkedRead, reply wire.Reply) {
	p.done(reply)
	if p.conn != nil {
		r.touch(p.conn)
	}
}

// wake answers the parked reads whose position has been reached.
func (r *replica) wake() {
	applied := r.state.Load().Applied()
	if len(r.parked.reads) == 0 || applied < r.parked.next {
		return
	}
	r.parked.next = afterBarrier
	r.parked.reads = slices.DeleteFunc(r.parked.reads, func(p *parkedRead) bool {
		if p.position > applied {
			r.parked.next = min(r.parked.next, p.position)
			return false
		}
		r.read(p)
		return true
	})
}

// expireReads answers the parked reads, and those that wait for an audit, whose
// client has given up, and forgets those of connections that have ended, whatever
// time they named.
func (r *replica) expireReads(now time.Time) {
	over := func(p *parkedRead) bool {
		if p.conn != nil && p.conn.hasEnded() {
			return true
		}
		if now.Before(p.deadline) {
			return false
		}
		r.finish(p, wire.Reply{Status: wire.StatusTimeout})
		return true
	}
	r.parked.reads = slices.DeleteFunc(r.parked.reads, over)
	r.audits.waiting = slices.DeleteFunc(r.audits.waiting, over)
}

// refuseReads answers the parked reads at the end of the replica.
func (r *replica) refuseReads() {
	for _, p := range r.parked.reads {
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	}
	r.parked.reads = nil
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
	if !r.serves() {
		done(wire.Result{Status: wire.StatusUnavailable})
		return
	}
	if r.barrier != nil && r.barrier.number > r.submitted-uint64(r.core.Pending()) {
		r.barrier.waiters = append(r.barrier.waiters, done)
		return
	}
	b := &barrier{number: r.submitted + 1, waiters: []func(wire.Result){done}}
	r.barrier = b
	r.orderOwn(&wire.Command{Op: wire.OpBarrier}, func(result wire.Result) {
		if r.barrier == b {
			r.barrier = nil // one that was refused waits for nothing
		}
		for _, done := range b.waiters {
			done(result)
		}
	})
}
