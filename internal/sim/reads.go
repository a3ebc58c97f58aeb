package sim

import (
	"bytes"
	"math"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// This file follows server/clientconn.go and server/parked.go: a change there needs
// the same here.

// parkedRead waits until the replica has applied a position.
type parkedRead struct {
	position uint64
	deadline time.Duration
	done     func(wire.Reply)
	key      string
	status   wire.Status
}

// afterBarrier is the position of a strong read whose barrier is under way.
const afterBarrier = math.MaxUint64

// requestTimeout bounds how long a request waits at a node.
const requestTimeout = 30 * time.Second

// take answers a client's request in place if it can, and hands it on if not.
func (r *replica) take(req *wire.Request, done func(wire.Reply)) {
	if r.over || !r.serves() {
		done(wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	switch req.Kind {
	case wire.RequestGet:
		if r.state.Applied() >= req.Position {
			done(r.get(req.Key))
			return
		}
		p := r.parkedRead(req, done)
		r.post(func() { r.park(p) })
	case wire.RequestGetStrong:
		p := r.parkedRead(req, done)
		r.post(func() { r.readStrong(p) })
	case wire.RequestWrite:
		if r.leaving {
			done(wire.Reply{Status: wire.StatusUnavailable})
			return
		}
		r.commands = append(r.commands, pendingCommand{raw: req.RawCommand, done: func(result wire.Result) {
			done(wire.Reply{Status: result.Status, Position: result.Position, Version: result.Version, Number: result.Number})
		}})
		r.wakeTurn()
	default:
		panic("sim: no such request")
	}
}

func (r *replica) parkedRead(req *wire.Request, done func(wire.Reply)) *parkedRead {
	return &parkedRead{position: req.Position, key: req.Key, done: done, deadline: r.p.local() + requestTimeout}
}

// get reads for a client.
func (r *replica) get(key string) wire.Reply {
	r.w.checkLease(r)
	value, version, position := r.state.Get(key)
	if version == 0 {
		return wire.Reply{Status: wire.StatusNotFound, Position: position}
	}
	return wire.Reply{Position: position, Version: version, Data: bytes.Clone(value)}
}

func (r *replica) park(p *parkedRead) {
	if r.state.Applied() >= p.position {
		r.read(p)
		return
	}
	r.addParked(p)
}

func (r *replica) addParked(p *parkedRead) bool {
	if !r.serves() {
		p.done(wire.Reply{Status: wire.StatusUnavailable})
		return false
	}
	r.parked = append(r.parked, p)
	return true
}

// readStrong answers a read once a barrier ordered after its arrival is here.
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
	})
}

func (r *replica) read(p *parkedRead) {
	switch {
	case p.status != wire.StatusOK:
		p.done(wire.Reply{Status: p.status})
	case !r.serves():
		p.done(wire.Reply{Status: wire.StatusUnavailable})
	default:
		p.done(r.get(p.key))
	}
}

// wake answers the parked reads whose position has been reached.
func (r *replica) wake() {
	if len(r.parked) == 0 {
		return
	}
	applied := r.state.Applied()
	r.parked = slices.DeleteFunc(r.parked, func(p *parkedRead) bool {
		if p.position > applied {
			return false
		}
		r.read(p)
		return true
	})
}

func (r *replica) expireReads(now time.Duration) {
	r.parked = slices.DeleteFunc(r.parked, func(p *parkedRead) bool {
		if now < p.deadline {
			return false
		}
		p.done(wire.Reply{Status: wire.StatusTimeout})
		return true
	})
}

func (r *replica) refuseReads() {
	for _, p := range r.parked {
		p.done(wire.Reply{Status: wire.StatusUnavailable})
	}
	r.parked = nil
}

// barrier is an ordered no-op and those that wait for it.
type barrier struct {
	number  uint64
	waiters []func(wire.Result)
}

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
	r.submitOwn(&wire.Command{Op: wire.OpBarrier}, func(result wire.Result) {
		if r.barrier == b {
			r.barrier = nil
		}
		for _, done := range b.waiters {
			done(result)
		}
	})
}
