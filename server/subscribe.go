package server

import (
	"errors"

	"github.com/seed-8247e700/dsm/internal/wire"
)

var errLagged = errors.New("server: the reader of the deliveries fell too far behind")

// subscribe turns the connection into a stream of the node's deliveries. From
// now on all that goes out on it goes through the feed, in order.
func (c *clientConn) subscribe(id uint64) {
	c.mu.Lock()
	again := c.stream != nil || c.err != nil
	c.mu.Unlock()
	if again {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest})
		c.r.touch(c)
		return
	}
	f := newFeed(c.r.cfg.MaxLagBytes)
	c.r.addFeed(f)
	c.mu.Lock()
	c.stream = f
	c.mu.Unlock()
	c.reply(&wire.Reply{ID: id, Position: c.r.state.Load().Applied()})
	c.r.background.Go(func() {
		if err := c.pump(f); err != nil {
			c.r.log.Debug("delivery stream ends", "remote", c.conn.RemoteAddr().String(), "err", err)
		}
	})
}

// pump first lets out what was flushed before the stream began.
func (c *clientConn) pump(f *feed) error {
	err := c.out.Flush()
	if err == nil {
		err = c.out.Drain()
	}
	if err == nil {
		err = f.pump(c.conn)
	}
	if errors.Is(err, errLagged) {
		last := wire.AppendReply(nil, &wire.Reply{Status: wire.StatusLagged, Data: []byte(err.Error())})
		_, werr := c.conn.Write(last)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, c.conn.Close())
}

// addFeed has the deliveries from now on added to f. Owner only.
func (r *replica) addFeed(f *feed) {
	live := r.feeds[:0]
	for _, g := range r.feeds {
		if !g.closed() {
			live = append(live, g)
		}
	}
	clear(r.feeds[len(live):])
	r.feeds = append(live, f)
}
