package server

import (
	"context"
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// framePatience is how long a client may take for the next part of a frame that
// it has begun, whose beginning takes memory meanwhile.
const framePatience = 30 * time.Second

// Read reads from the connection for the frame reader: without limit between
// frames, and not for ever within one. A loop's connection was told before: see
// loopBurst.
func (c *clientConn) Read(b []byte) (int, error) {
	if within := c.frames.Partial(); !c.looped && (within || c.limited) {
		if err := c.limitRead(within); err != nil {
			return 0, err
		}
	}
	n, err := c.conn.Read(b)
	if errors.Is(err, evloop.ErrWouldBlock) {
		err = wire.ErrAgain
	}
	return n, err
}

// limitRead sets the read deadline, or lifts it, unless the connection was given
// up by one.
func (c *clientConn) limitRead(set bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	deadline := time.Time{}
	if set {
		deadline = time.Now().Add(c.f.cfg.framePatience)
	}
	c.limited = set
	return c.conn.SetReadDeadline(deadline)
}

// Bounds on the writes of one client that are under way: what more it sends waits
// until some are delivered. Otherwise one that sends without end would fill the
// queue that all wait in.
const (
	// maxUnderWay is what they may cost together. One is always taken.
	maxUnderWay = 1 << 20
	// commandCharge is what one costs beside its bytes: what is kept of it and of
	// who waits for it. So a client that does not wait for each may have about
	// 4,000 small ones under way, which the group orders in about 10 ms.
	commandCharge = 1 << 7
)

// chargeOf is what a command costs while it is under way.
func chargeOf(size int) int64 { return int64(size) + commandCharge }

// hasRoom tells whether the client may have another write under way.
func (c *clientConn) hasRoom(raw []byte) bool {
	n := c.underWay.Load()
	return n == 0 || n+chargeOf(len(raw)) <= maxUnderWay
}

// awaitRoom waits until there is room for a write, and tells whether there is: the
// replica may have ended.
func (c *clientConn) awaitRoom(raw []byte) bool {
	for !c.hasRoom(raw) {
		select {
		case <-c.room:
		case <-c.f.ended:
			return false
		}
	}
	return true
}

// answered takes note that a write is not under way any more.
func (c *clientConn) answered(size int) {
	c.underWay.Add(-chargeOf(size))
	select {
	case c.room <- struct{}{}:
	default: // it has not looked since the last time
	}
}

// submitWrites hands the burst's writes to the protocol loop at once, so that
// they go into one message. It waits for room.
func (c *clientConn) submitWrites() {
	for !c.trySubmit() {
		if !c.awaitRoom(c.writes[0].raw) || !c.f.turns.awaitRoom(context.Background(), nil) {
			break
		}
	}
	for _, w := range c.writes {
		c.reply(&wire.Reply{ID: w.id, Status: wire.StatusUnavailable})
	}
	clear(c.writes)
	c.writes = c.writes[:0]
}

// trySubmit is submitWrites as far as there is room, and tells whether nothing is
// left.
func (c *clientConn) trySubmit() bool {
	if len(c.writes) == 0 {
		return true
	}
	c.offered = 0
	taken := c.f.turns.submit((*clientBatch)(c))
	left := copy(c.writes, c.writes[taken:])
	clear(c.writes[left:])
	c.writes = c.writes[:left]
	return left == 0
}

// clientBatch is a connection as the batch of its writes.
type clientBatch clientConn

// add is part of batch.
func (b *clientBatch) add(in *member.Inbox) (size int) {
	c := (*clientConn)(b)
	if c.offered == len(c.writes) || !c.hasRoom(c.writes[c.offered].raw) {
		return 0
	}
	w := &c.writes[c.offered]
	c.offered++
	c.underWay.Add(chargeOf(len(w.raw)))
	in.Command(w.raw, member.Ticket{Waiter: c, Tag: w.id})
	return len(w.raw)
}
