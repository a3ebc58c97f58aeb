package client

import (
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// A request's id has the number of its slot in the low bits, so that a reply
// finds its caller without a map, and a serial number above, so that no two
// requests have the same.
const (
	slotBits = 16
	maxSlots = 1 << slotBits
)

// call is one caller that waits for a reply.
type call struct {
	id    uint64
	batch uint64 // of the outbox, that the request went into
	reply wire.Reply
	err   error
	done  chan struct{} // gets one token when reply or err is set
}

// newCall returns a call, one that was used before if there is any. Each
// connection keeps its own, so that nothing is shared between them.
func (c *Conn) newCall() *call {
	if used, ok := c.calls.Get().(*call); ok {
		return used
	}
	return &call{done: make(chan struct{}, 1)}
}

// recycle gives a call back. Its slot must not know it any more, and its token
// must have been taken.
func (c *Conn) recycle(used *call) {
	used.reply, used.err = wire.Reply{}, nil
	c.calls.Put(used)
}

// slot is a place for one request in flight.
type slot struct {
	id   uint64 // 0: free
	call *call  // nil: nobody waits any more, or sink does

	// Of a write that was submitted.
	sink  wire.Sink
	tag   uint64
	batch uint64 // as in call
}

// slots are the requests in flight on a connection. The owner locks.
type slots struct {
	limit  int
	slots  []slot
	free   []uint32
	serial uint64
	taken  int
	turns  []chan struct{} // callers that wait for a slot, first come first
}

// available reports whether a slot is free.
func (s *slots) available() bool { return s.taken < s.limit }

// take puts call, nil if nobody waits for the reply, into a free slot, and
// returns the request's id. Apart from the watchdog, callers look whether one
// is available before.
func (s *slots) take(call *call) uint64 {
	var index uint32
	if n := len(s.free); n > 0 {
		index = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		index = uint32(len(s.slots))
		s.slots = append(s.slots, slot{})
	}
	s.serial++
	s.taken++
	id := s.serial<<slotBits | uint64(index)
	if call != nil {
		call.id = id
	}
	s.slots[index] = slot{id: id, call: call}
	return id
}

// submit puts a write into a free slot, and returns the request's id.
func (s *slots) submit(sink wire.Sink, tag, batch uint64) uint64 {
	id := s.take(nil)
	held := &s.slots[id&(maxSlots-1)]
	held.sink, held.tag, held.batch = sink, tag, batch
	return id
}

// roomFor is how many of n writes may be submitted. An eighth of the slots is left
// to callers that wait for a reply.
func (s *slots) roomFor(n int) int {
	return min(n, max(s.limit-s.limit/8-s.taken, 0))
}

// finish hands a reply to its caller, or adds it to outcomes, and frees the slot.
// It reports false when no request has the reply's id.
func (s *slots) finish(reply *wire.Reply, outcomes *outcomes) bool {
	index := reply.ID & (maxSlots - 1)
	if index >= uint64(len(s.slots)) || s.slots[index].id != reply.ID || reply.ID == 0 {
		return false
	}
	held := &s.slots[index]
	if held.call != nil {
		held.call.reply = *reply
		held.call.done <- struct{}{}
	}
	if held.sink != nil {
		outcomes.add(held.sink, wire.Outcome{Tag: held.tag, Reply: *reply})
	}
	*held = slot{}
	s.free = append(s.free, uint32(index))
	s.taken--
	s.wake()
	return true
}

// abandon leaves the request in flight with nobody waiting. It reports false if
// call has been finished.
func (s *slots) abandon(call *call) bool {
	held := &s.slots[call.id&(maxSlots-1)]
	if held.call != call || held.id != call.id {
		return false
	}
	held.call = nil
	return true
}

// failAll finishes all calls with an error, and adds it to outcomes for each write
// that was submitted. Those of batches later than begun have certainly not been
// sent.
func (s *slots) failAll(cause error, begun uint64, outcomes *outcomes) {
	unsent := notSent(cause)
	for i := range s.slots {
		held := s.slots[i]
		s.slots[i] = slot{}
		if held.sink != nil {
			err := cause
			if held.batch > begun {
				err = unsent
			}
			outcomes.add(held.sink, wire.Outcome{Tag: held.tag, Err: err})
		}
		call := held.call
		if call == nil {
			continue
		}
		call.err = cause
		if call.batch > begun {
			call.err = unsent
		}
		call.done <- struct{}{}
	}
	// Nothing is taken again after this; those who wait come to see why.
	for _, turn := range s.turns {
		close(turn)
	}
	s.turns = nil
}

// queue joins those who wait for a slot. The turn is closed when it has come;
// then look again, since someone else may have been quicker.
func (s *slots) queue() (turn chan struct{}) {
	turn = make(chan struct{})
	s.turns = append(s.turns, turn)
	return turn
}

// leave takes turn out of the queue. If it has come already it passes on.
func (s *slots) leave(turn chan struct{}) {
	if i := slices.Index(s.turns, turn); i >= 0 {
		s.turns = slices.Delete(s.turns, i, i+1)
		return
	}
	s.wake()
}

// wake lets the first in the queue look for a slot, if there is one.
func (s *slots) wake() {
	if len(s.turns) > 0 && s.available() {
		close(s.turns[0])
		s.turns = slices.Delete(s.turns, 0, 1)
	}
}
