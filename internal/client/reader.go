package client

import (
	"bytes"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	// frameLimit is added to the node's limit of values: what a node says
	// beside values, a status or a batch of commands, may be so large.
	frameLimit = 64 << 20

	// repliesPerTurn bounds the replies that are handed out in one go.
	repliesPerTurn = 256
)

// limitOf is the longest frame that a node may send.
func limitOf(info wire.Info) uint32 {
	return min(info.MaxValueBytes, 1<<30) + frameLimit
}

// read hands replies to their callers until the connection ends.
func (c *Conn) read() {
	frames := wire.NewFrameReader(&c.passage, limitOf(c.info))
	replies := make([]wire.Reply, 0, repliesPerTurn)
	var settled outcomes
	for {
		// All that one read has brought is handed out under one lock.
		var leaving bool
		var err error
		replies, leaving, err = c.nextReplies(frames, replies[:0])
		if dispatchErr := c.dispatch(replies, leaving, &settled); err == nil {
			err = dispatchErr
		}
		settled.tell()
		if err != nil {
			c.failFromWithin(fmt.Errorf("client: reading from node %s: %w", c.info.NodeID, err))
			return
		}
		clear(replies)
	}
}

// nextReplies reads at least one frame and takes those that are buffered. The
// data of a reply is copied, since it goes to the caller for good. Events go to their
// watches at once.
func (c *Conn) nextReplies(frames *wire.FrameReader, replies []wire.Reply) (_ []wire.Reply, leaving bool, err error) {
	for {
		kind, body, err := frames.Next()
		if err != nil {
			return replies, leaving, err
		}
		switch kind {
		case wire.FrameReply:
			reply, err := wire.DecodeReply(body)
			if err != nil {
				return replies, leaving, err
			}
			reply.Data = bytes.Clone(reply.Data)
			replies = append(replies, reply)
		case wire.FrameEvents:
			if err := c.watches.events(body); err != nil {
				return replies, leaving, err
			}
		case wire.FrameGoAway:
			leaving = true
		case wire.FrameAlive: // something is heard
		default:
			return replies, leaving, fmt.Errorf("%w: unexpected frame of kind %d", wire.ErrMalformed, kind)
		}
		if len(replies) == repliesPerTurn || !frames.Buffered() {
			return replies, leaving, nil
		}
	}
}

// dispatch hands out replies, those to writes that were submitted to settled, and
// notes that the node is leaving.
func (c *Conn) dispatch(replies []wire.Reply, leaving bool, settled *outcomes) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.watchdog.heard()
	if leaving {
		c.leaving = true
		c.retireLocked()
	}
	for i := range replies {
		if !c.slots.finish(&replies[i], settled) {
			return fmt.Errorf("%w: a reply to request %d, which is not in flight", wire.ErrMalformed, replies[i].ID)
		}
		if replies[i].ID == c.watchdog.ping && replies[i].Status == wire.StatusUnavailable {
			return errNotServing
		}
	}
	return nil
}

// failFromWithin ends the connection from one of its own goroutines. An error
// of closing it would add nothing to why it ended, and has nobody to go to.
func (c *Conn) failFromWithin(cause error) {
	_ = c.fail(cause)
}
