package server

import "github.com/seed-8247e700/dsm/internal/nbio"

// A front has one account of the memory that it keeps for clients: replies and events that they
// have not read, frames that they have not finished, reads that wait, and the log of
// deliveries. Whatever it is, the client for which most is kept goes first.

// countLocked counts so many bytes in place of those that are kept for the client in one way.
func (c *clientConn) countLocked(way *int, bytes int) {
	if c.gone {
		return
	}
	c.f.memory.Add(int64(bytes - *way))
	*way = bytes
}

// frameBegun counts the memory of the frame that has begun.
func (c *clientConn) frameBegun(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countLocked(&c.begun, bytes)
}

// readsWait counts what the client's reads cost that wait.
func (c *clientConn) readsWait(bytes int) {
	c.mu.Lock()
	c.countLocked(&c.reads, bytes)
	c.mu.Unlock()
	c.f.cutMost()
}

// keepNothing is called when nothing is kept for the client any more, or soon will not be.
func (c *clientConn) keepNothing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countLocked(&c.begun, 0)
	c.countLocked(&c.reads, 0)
	c.gone = true
}

// kept is how many bytes are kept for the client.
func (c *clientConn) kept() int {
	c.mu.Lock()
	bytes, stream := c.out.Buffered()+c.begun+c.reads, c.stream
	c.mu.Unlock()
	if stream != nil {
		_, behind := stream.standing()
		bytes += behind
	}
	return bytes
}

// cut gives the connection up, and what is kept for it: nothing is, from then on.
func (c *clientConn) cut() {
	c.mu.Lock()
	if c.err == nil {
		c.err = nbio.ErrOverflow
	}
	stream := c.stream
	c.mu.Unlock()
	c.keepNothing()
	if stream != nil {
		stream.cut() // which says so to the client, unless replies of before are ahead of that
	}
	if stream == nil || c.out.Buffered() > 0 {
		c.out.Drop()
	}
}

// cutMost cuts off the client for which most bytes are kept, if there are too many for all
// together.
func (f *front) cutMost() {
	if f.memory.Load() <= int64(f.cfg.MaxUnreadBytes) || !f.cutting.TryLock() {
		return
	}
	defer f.cutting.Unlock()
	for f.memory.Load() > int64(f.cfg.MaxUnreadBytes) {
		clients := f.clients.all(false)
		i, bytes := furthest(clients, (*clientConn).kept)
		if i < 0 {
			return
		}
		clients[i].cut()
		f.log.Debug("cutting off the client for which most is kept", "remote", clients[i].conn.RemoteAddr(), "bytes", bytes)
	}
}
