package server

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds on what one client may bring into turns. What more it sends waits in its connection.
const (
	// maxCalls is how many of its requests may wait for a turn, so that no client fills one.
	maxCalls = 1 << 10

	// dearCall is how many requests one counts for that is more work: for a listing, a page, an
	// audit, a status or a session, and for each write of a client that was refused one in a
	// session of another, since it may try them all. It counts until it is answered, or for
	// refusalRest after a refusal. So a client may have 16 of them under way.
	dearCall = maxCalls / 16

	// refusalRest is how long a request goes on to count that was refused because it asks for what
	// the client may not have. A client that asks again and again has 16 answers in that time,
	// or one to what is long: each refusedBytes of it count for a dear call more.
	refusalRest  = 50 * time.Millisecond
	refusedBytes = 64 << 10
)

// hand hands a read on to the protocol loop.
func (c *clientConn) hand(p *member.Read, begin func(*member.Member, *member.Read)) {
	c.calls.Add(1)
	posted := c.f.turns.post(func(m *member.Member) {
		c.called(1)
		begin(m, p)
	})
	if !posted { // and nobody waits for room any more
		c.refuse(p.Tag)
	}
}

// dear returns a read that counts as dear until it is answered.
func (c *clientConn) dear(p *member.Read) *member.Read {
	p.Waiter = (*dearWaiter)(c)
	c.calls.Add(dearCall)
	return p
}

// dearWaiter is a connection as the waiter of a dear call.
type dearWaiter clientConn

// Answer is part of member.Waiter.
func (w *dearWaiter) Answer(tag uint64, size int, reply *wire.Reply) {
	c := (*clientConn)(w)
	if reply.Status == wire.StatusTooManySessions || reply.Status == wire.StatusNotOwner {
		c.calledLater(dearCall)
	} else {
		c.called(dearCall)
	}
	c.Answer(tag, size, reply)
}

// calledLater is called after refusalRest. One timer serves all calls of that time.
func (c *clientConn) calledLater(calls int64) {
	if c.refused.Add(calls) == calls {
		time.AfterFunc(refusalRest, func() { c.called(c.refused.Swap(0)) })
	}
}

// called takes note that calls do not count any more.
func (c *clientConn) called(calls int64) {
	if left := c.calls.Add(-calls); left < maxCalls && left+calls >= maxCalls {
		c.signalRoom()
	}
}

// awaitCalls waits until the client may make another call. At the end of the replica it does
// not matter any more.
func (c *clientConn) awaitCalls() {
	if c.calls.Load() < maxCalls {
		return
	}
	c.beginWait()
	defer c.endWait()
	for c.calls.Load() >= maxCalls {
		select {
		case <-c.room:
		case <-c.f.ended:
			return
		}
	}
}
