package server

import (
	"errors"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds on what may wait for clients that do not read.
const (
	// slowReader is how many bytes of replies may wait for a client before it is
	// not read from any more. Those to requests that were taken before may add to
	// them.
	slowReader = 1 << 20

	// readerPatience is how long a client may take for the next 64 KiB of what it
	// is behind. One that takes longer is cut off: its memory is worth more to
	// others, and if it lives it comes back.
	readerPatience = 30 * time.Second

	// flushBytes is how many bytes of replies do not wait for others to go with.
	flushBytes = 256 << 10
)

// tooFarBehind tells whether awaitReader might wait.
func (c *clientConn) tooFarBehind() bool {
	return c.streaming.Load() || c.out.Buffered() > slowReader || c.calls.Load() >= maxCalls
}

// awaitReader waits while the client has too many calls under way, or is far behind in
// reading replies.
func (c *clientConn) awaitReader() error {
	c.awaitCalls()
	if c.streaming.Load() {
		return c.awaitStream()
	}
	if c.out.Buffered() <= slowReader {
		return nil
	}
	c.flushReplies()
	return c.out.AwaitBelow(slowReader)
}

// awaitStream waits while a client that reads the deliveries, and asks for things
// beside, is far behind with both.
func (c *clientConn) awaitStream() error {
	c.mu.Lock()
	stream := c.stream
	c.mu.Unlock()
	return stream.awaitBelow(slowReader)
}

// Answer is part of member.Waiter. Once a client has the reply, the write is not under way.
func (c *clientConn) Answer(id uint64, size int, reply *wire.Reply) {
	if size > 0 {
		c.answered(size)
	}
	if reply.Status == wire.StatusNotOwner {
		c.suspect.Store(true)
	}
	reply.ID = id
	c.reply(reply)
	c.f.touch(c)
}

// reply queues a reply for the next flush.
func (c *clientConn) reply(reply *wire.Reply) {
	c.inFlight.Add(-1)
	c.keepReply(reply)
	c.f.cutMost()
}

func (c *clientConn) keepReply(reply *wire.Reply) {
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
	if c.err == nil && c.stream == nil {
		if err := c.out.Flush(); err != nil {
			c.failLocked(err)
		}
	}
	c.mu.Unlock()
	c.f.cutMost()
}

// goAway tells the client that no new requests are welcome here.
func (c *clientConn) goAway(reason string) {
	c.say(func(dst []byte) []byte { return wire.AppendGoAway(dst, reason) })
}

// say sends the client a frame that it has not asked for.
func (c *clientConn) say(appendFrame func(dst []byte) []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.stream != nil {
		c.stream.addFrame(appendFrame)
		c.stream.publish()
		return
	}
	err := c.out.Keep(appendFrame(c.out.Buffer()))
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
		c.f.log.Debug("client connection ends", "err", err)
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
		c.f.log.Debug("client connection closes", "err", err)
	}
}
