package client

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// keepOutboxBytes is the largest buffer that is kept for the next batch.
const keepOutboxBytes = 256 << 10

// outbox collects requests until one caller, or a goroutine, writes them.
type outbox struct {
	frames   []byte
	spare    []byte // the buffer of a batch that has been written
	batch    uint64 // batches taken out so far; frames will be batch + 1
	taken    int64  // bytes of those
	begun    uint64 // the last batch of which a byte may have been sent
	flushing bool   // someone is writing and will take frames too
}

// enqueueLocked appends r to the outbox and reports whether the caller has to
// flush. call is nil when nobody waits for the reply.
func (c *Conn) enqueueLocked(r *wire.Request, call *call) (flush bool) {
	c.out.frames = wire.AppendRequest(c.out.frames, r)
	if call != nil {
		call.batch = c.out.batch + 1
	}
	c.watchdog.startLocked(c)
	flush = !c.out.flushing
	c.out.flushing = true
	return flush
}

// flush writes batches until the outbox is empty. What the connection does not take
// at once it leaves to a goroutine: a caller, whose context may end, must not wait.
func (c *Conn) flush() {
	for {
		batch := c.takeBatch()
		if batch == nil {
			return
		}
		n, err := c.try.TryWrite(batch)
		c.passage.wrote(n)
		switch {
		case err != nil:
			c.writeFailed(err)
			return
		case n < len(batch):
			c.flushRest(batch, n)
			return
		}
		c.batchWritten(batch)
	}
}

// flushRest goes on with a batch, of which some bytes have been written, in a
// goroutine that may wait for the network.
func (c *Conn) flushRest(batch []byte, begun int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		// Close may have waited for the goroutines already.
		c.out.flushing = false
		return
	}
	left := batch[begun:]
	c.workers.Go(func() {
		nbio.WriteRest(c.nc, 0, func(written int, err error) []byte {
			c.passage.wrote(written)
			if err != nil {
				c.writeFailed(err)
				return nil
			}
			if left = left[written:]; len(left) == 0 {
				c.batchWritten(batch)
				batch = c.takeBatch()
				left = batch
			}
			return left[:min(len(left), nbio.PortionBytes)]
		})
	})
}

// takeBatch takes all requests out of the outbox. It returns nil, and ends the
// flush, when there are none or the connection has failed.
func (c *Conn) takeBatch() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out.frames) == 0 || c.err != nil {
		c.out.flushing = false
		return nil
	}
	batch := c.out.frames
	c.out.frames, c.out.spare = c.out.spare[:0], nil
	c.out.batch++
	c.out.taken += int64(len(batch))
	c.out.begun = c.out.batch
	return batch
}

// batchWritten keeps the buffer of a batch for another one.
func (c *Conn) batchWritten(batch []byte) {
	if cap(batch) > keepOutboxBytes {
		return
	}
	c.mu.Lock()
	c.out.spare = batch[:0]
	c.mu.Unlock()
}

// writeFailed ends the connection because a write failed.
func (c *Conn) writeFailed(err error) {
	c.failFromWithin(fmt.Errorf("client: writing to node %s: %w", c.info.NodeID, err))
}
