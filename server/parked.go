package server

import (
	"math"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// defaultTimeout bounds how long a request waits that names no time of its own.
const defaultTimeout = 30 * time.Second

// parkedRead waits until the replica has applied a position.
type parkedRead struct {
	ticket
	position uint64
	seen     uint64 // what position has to reach at least, of a strong read
	deadline time.Time
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
	p.seen, p.position = p.position, afterBarrier
	if r.addParked(p) {
		r.awaitBarrier(p)
	}
}

// placed says where the barrier of a strong read is.
func (r *replica) placed(p *parkedRead, position uint64, status wire.Status) {
	p.position, p.status = max(p.seen, position), status
	if status != wire.StatusOK {
		p.position = 0
	}
	r.parked.next = min(r.parked.next, p.position)
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
	r.tell(p.ticket, 0, reply)
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
// client has given up.
func (r *replica) expireReads(now time.Time) {
	late := func(p *parkedRead) bool {
		if now.Before(p.deadline) {
			return false
		}
		r.finish(p, wire.Reply{Status: wire.StatusTimeout})
		return true
	}
	r.parked.reads = slices.DeleteFunc(r.parked.reads, late)
	r.audits.waiting = slices.DeleteFunc(r.audits.waiting, late)
}

// forget drops the reads of who has gone, whatever time they named. Owner only.
func (r *replica) forget(w waiter) {
	its := func(p *parkedRead) bool { return p.waiter == w }
	r.parked.reads = slices.DeleteFunc(r.parked.reads, its)
	r.audits.waiting = slices.DeleteFunc(r.audits.waiting, its)
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

// barrier is an ordered no-op and the reads that wait for it: all that came before
// the message that carries it went out. It is the waiter of its own no-op.
type barrier struct {
	r      *replica
	number uint64 // among the commands submitted
	reads  []*parkedRead
}

// awaitBarrier has a read placed when a no-op that is ordered after this moment has
// been delivered here. Owner only.
func (r *replica) awaitBarrier(p *parkedRead) {
	if !r.serves() {
		r.placed(p, 0, wire.StatusUnavailable)
		return
	}
	if r.barrier != nil && r.barrier.number > r.submitted-uint64(r.core.Pending()) {
		r.barrier.reads = append(r.barrier.reads, p)
		return
	}
	r.barrier = &barrier{r: r, number: r.submitted + 1, reads: []*parkedRead{p}}
	r.orderOwn(&wire.Command{Op: wire.OpBarrier}, ticket{waiter: r.barrier})
}

// answer is part of waiter.
func (b *barrier) answer(_ uint64, _ int, reply *wire.Reply) {
	if b.r.barrier == b {
		b.r.barrier = nil // one that was refused waits for nothing
	}
	for _, p := range b.reads {
		b.r.placed(p, reply.Position, reply.Status)
	}
}
