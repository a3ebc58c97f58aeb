package server

import (
	"errors"
	"net"
	"slices"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// subscribe turns the connection into a stream of the node's deliveries. From
// now on all that goes out on it goes through the feed, in order.
func (c *clientConn) subscribe(m *member.Member, id uint64) {
	if len(c.f.feeds) >= maxFeeds && c.f.cutFurthest(false) == 0 {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusUnavailable, Data: []byte("the node's deliveries have as many readers as it can serve")})
		c.f.touch(c)
		return
	}
	f := newFeed(c.conn)
	if !c.startStream(f) {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest})
		c.f.touch(c)
		return
	}
	c.f.addFeed(m, f)
	c.reply(&wire.Reply{ID: id, Position: c.f.reader.State().Applied()})
	c.f.goOn(func() {
		if err := c.pump(f); err != nil {
			c.f.log.Debug("delivery stream ends", "remote", c.conn.RemoteAddr().String(), "err", err)
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
func (f *front) addFeed(m *member.Member, feed *feed) {
	f.feeds = append(f.feeds, feed)
	m.Deliveries(true)
}

// sharedBytes is from which size on a delivery is encoded once for all feeds. A smaller one is
// copied into each, which writes it with others.
const sharedBytes = 4 << 10

// feed adds a delivery to the feeds.
func (f *front) feed(d *wire.Delivery) {
	if len(f.feeds) > 1 && len(d.Payload) >= sharedBytes {
		encoded := wire.AppendDelivery(nil, d)
		for _, feed := range f.feeds {
			feed.share(encoded)
		}
		return
	}
	for _, feed := range f.feeds {
		feed.add(d)
	}
}

// entered ends the feeds of joiners that are members of the view, and those of the others
// if they may not understand what is delivered in it.
func (f *front) entered(e *member.Entered) {
	for _, feed := range f.feeds {
		switch {
		case feed.joiner == 0:
		case slices.ContainsFunc(e.View.Members, func(m isis.MemberID) bool { return m.Incarnation == feed.joiner }):
			feed.close(member.ErrMemberNow)
		case e.Rises:
			feed.close(member.ErrNoDonor)
		}
	}
}

// maxFeeds bounds the clients that read a node's deliveries at a time. For another one, the one
// that is furthest behind goes.
const maxFeeds = 256

// publishFeeds ends a turn: it wakes the feeds' writers, forgets feeds that have
// ended, and cuts off those furthest behind until all clients' together hold no
// more than MaxLagBytes, and the joiners' neither.
func (f *front) publishFeeds(m *member.Member) {
	if len(f.feeds) == 0 {
		return
	}
	var clients, joiners int
	f.feeds = slices.DeleteFunc(f.feeds, func(f *feed) bool {
		f.publish()
		ended, behind := f.standing()
		if f.joiner == 0 {
			clients += behind
		} else {
			joiners += behind
		}
		return ended
	})
	f.cutFeeds(clients, false)
	f.cutFeeds(joiners, true)
	m.Deliveries(f.cfg.OnDeliver != nil || len(f.feeds) > 0)
}

// cutFeeds cuts off feeds of one kind, which hold total bytes. Clients that do
// not read must not cost a joiner its transfer.
func (f *front) cutFeeds(total int, joiners bool) {
	for total > f.cfg.MaxLagBytes {
		bytes := f.cutFurthest(joiners)
		if bytes == 0 {
			return
		}
		total -= bytes
	}
}

// cutFurthest cuts off the feed of one kind that is furthest behind, and returns by how many
// bytes it is, 0 if none is behind.
func (f *front) cutFurthest(joiners bool) (bytes int) {
	i, bytes := furthest(f.feeds, func(feed *feed) int {
		if _, behind := feed.standing(); (feed.joiner != 0) == joiners {
			return behind
		}
		return 0
	})
	if i < 0 {
		return 0
	}
	f.feeds[i].cut()
	f.feeds = slices.Delete(f.feeds, i, i+1)
	return bytes
}
