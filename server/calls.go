package server

import (
	"sync/atomic"
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
	// session of another, since it may try them all. It counts until it is answered, or for a
	// rest after a refusal. So a client may have 16 of them under way.
	dearCall = maxCalls / 16

	// refusalRest is how long a request goes on to count that was refused because it asks for what
	// no client may have. A client that asks again and again has 16 answers in that time,
	// or one to what is long: each refusedBytes of it count for a dear call more.
	refusalRest  = 40 * time.Millisecond
	refusedBytes = 64 << 10

	// crowdRest is how long one goes on to count that was refused since there are too many
	// sessions. It costs less, and may be given in a moment.
	crowdRest = 5 * time.Millisecond

	// mostRest bounds either, which are longer if other connections rest for the same: up to 25 of
	// them, or 200, cost the node what one does.
	mostRest = time.Second
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
	switch reply.Status {
	case wire.StatusTooManySessions:
		c.calledLater(&c.crowded, dearCall, crowdRest, &c.f.crowding)
	case wire.StatusNotOwner:
		c.calledLater(&c.refused, dearCall, refusalRest, &c.f.resting)
	default:
		c.called(dearCall)
	}
	c.Answer(tag, size, reply)
}

// calledLater is called after a rest, which is so long for each connection that rests for the same,
// of which others has the number. One timer serves all calls that rest at a time.
func (c *clientConn) calledLater(resting *atomic.Int64, calls int64, rest time.Duration, others *atomic.Int64) {
	if resting.Add(calls) != calls {
		return
	}
	all := time.Duration(others.Add(1))
	time.AfterFunc(min(all*rest, mostRest), func() {
		others.Add(-1)
		c.called(resting.Swap(0))
	})
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
