package server

import (
	"errors"
	"net"
	"slices"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// subscribe turns the connection into a stream of the node's deliveries. From
// now on all that goes out on it goes through the feed, in order.
func (c *clientConn) subscribe(m *member.Member, id uint64) {
	if len(c.r.feeds) >= maxFeeds {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusUnavailable, Data: []byte("the node's deliveries have as many readers as it can serve")})
		c.r.touch(c)
		return
	}
	f := newFeed(c.conn)
	if !c.startStream(f) {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest})
		c.r.touch(c)
		return
	}
	c.r.addFeed(m, f)
	c.reply(&wire.Reply{ID: id, Position: c.r.reader.State().Applied()})
	c.r.background.Go(func() {
		if err := c.pump(f); err != nil {
			c.r.log.Debug("delivery stream ends", "remote", c.conn.RemoteAddr().String(), "err", err)
		}
	})
}

// startStream has all output go through f, once.
func (c *clientConn) startStream(f *feed) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream != nil || c.err != nil {
		return false
	}
	c.stream = f
	c.streaming.Store(true)
	return true
}

// pump first lets out what was flushed before the stream began.
func (c *clientConn) pump(f *feed) error {
	defer f.close(net.ErrClosed)
	err := c.out.Flush()
	if err == nil {
		err = c.out.Drain()
	}
	if err == nil {
		err = f.pump()
	}
	if errors.Is(err, member.ErrLagged) {
		last := wire.AppendReply(nil, &wire.Reply{Status: wire.StatusLagged, Data: []byte(err.Error())})
		_, werr := c.conn.Write(last)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, c.conn.Close())
}

// addFeed has the deliveries from now on added to f.
func (r *replica) addFeed(m *member.Member, f *feed) {
	r.feeds = append(r.feeds, f)
	m.Deliveries(true)
}

// maxFeeds bounds the clients that read a node's deliveries at a time.
const maxFeeds = 256

// publishFeeds ends a turn: it wakes the feeds' writers, forgets feeds that have
// ended, and cuts off those furthest behind until all clients' together hold no
// more than MaxLagBytes, and the joiners' neither.
func (r *replica) publishFeeds(m *member.Member) {
	if len(r.feeds) == 0 {
		return
	}
	var clients, joiners int
	r.feeds = slices.DeleteFunc(r.feeds, func(f *feed) bool {
		f.publish()
		ended, behind := f.standing()
		if f.joiner == 0 {
			clients += behind
		} else {
			joiners += behind
		}
		return ended
	})
	r.cutFeeds(clients, false)
	r.cutFeeds(joiners, true)
	m.Deliveries(r.cfg.OnDeliver != nil || len(r.feeds) > 0)
}

// cutFeeds cuts off feeds of one kind, which hold total bytes. Clients that do
// not read must not cost a joiner its transfer.
func (r *replica) cutFeeds(total int, joiners bool) {
	for total > r.cfg.MaxLagBytes {
		slowest, most := -1, -1
		for i, f := range r.feeds {
			if _, behind := f.standing(); behind > most && (f.joiner != 0) == joiners {
				slowest, most = i, behind
			}
		}
		if slowest < 0 {
			return
		}
		r.feeds[slowest].cut()
		r.feeds = slices.Delete(r.feeds, slowest, slowest+1)
		total -= most
	}
}
