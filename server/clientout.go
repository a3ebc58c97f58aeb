package server

import (
	"errors"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// slowReader is how many bytes of replies may wait for a client before it is not
// read from any more, and slowPause how often it is looked at then.
// Replies of more than flushBytes do not wait for others to go with.
const (
	slowReader = 16 << 20
	slowPause  = 2 * time.Millisecond
	flushBytes = 256 << 10
)

// awaitReader waits while the client is far behind in reading replies.
func (c *clientConn) awaitReader() error {
	for c.out.Buffered() > slowReader {
		c.flushReplies() // which notices that the connection is broken
		c.mu.Lock()
		err := c.err
		c.mu.Unlock()
		if err != nil {
			return err
		}
		<-time.After(slowPause)
	}
	return nil
}

// reply queues a reply for the next flush.
func (c *clientConn) reply(reply *wire.Reply) {
	c.inFlight.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.stream != nil {
		c.stream.addFrame(func(dst []byte) []byte { return wire.AppendReply(dst, reply) })
		c.stream.publish()
		return
	}
	err := c.out.Keep(wire.AppendReply(c.out.Buffer(), reply))
	if err == nil && len(c.out.Buffer()) > flushBytes {
		err = c.out.Flush()
	}
	if err != nil {
		c.failLocked(err)
	}
}

// flush ends a turn in which the connection was touched. Owner of the turn only.
func (c *clientConn) flush() {
	c.touched = false
	c.flushReplies()
}

// flushReplies writes the replies queued, as far as the socket takes them.
func (c *clientConn) flushReplies() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.stream != nil {
		return
	}
	if err := c.out.Flush(); err != nil {
		c.failLocked(err)
	}
}

// goAway tells the client that no new requests are welcome here.
func (c *clientConn) goAway(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.stream != nil {
		c.stream.addFrame(func(dst []byte) []byte { return wire.AppendGoAway(dst, reason) })
		c.stream.publish()
		return
	}
	err := c.out.Keep(wire.AppendGoAway(c.out.Buffer(), reason))
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		c.failLocked(err)
	}
}

// failLocked gives the connection up. Its reader notices and closes it.
func (c *clientConn) failLocked(err error) {
	c.err = err
	if err := c.conn.SetDeadline(time.Unix(1, 0)); err != nil {
		c.r.log.Debug("client connection ends", "err", err)
	}
}

// streamGrace is how long a reader of the deliveries has to take the last ones.
const streamGrace = time.Second

// end closes the connection with the replica. A stream has ended then, and is
// closed once its last deliveries are written.
func (c *clientConn) end() {
	c.mu.Lock()
	stream := c.stream
	c.mu.Unlock()
	if stream == nil || c.conn.SetWriteDeadline(time.Now().Add(streamGrace)) != nil {
		c.close()
	}
}

func (c *clientConn) close() {
	c.mu.Lock()
	if c.err == nil {
		c.err = net.ErrClosed
	}
	stream := c.stream
	c.mu.Unlock()
	if stream != nil {
		stream.close(net.ErrClosed)
	}
	if err := c.out.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.r.log.Debug("client connection closes", "err", err)
	}
}
