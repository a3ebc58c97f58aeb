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
	if len(c.f.feeds) >= maxFeeds && cutFurthest(&c.f.feeds) == 0 {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusUnavailable, Data: []byte("the node's deliveries have as many readers as it can serve")})
		c.f.touch(c)
		return
	}
	f := newFeed(c.conn, &c.f.deliveries)
	if !c.startStream(f) {
		f.close(net.ErrClosed) // it has a place in the log
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

// addFeed has the deliveries from now on go to a feed as well, of a client or of a joiner.
func (f *front) addFeed(m *member.Member, feed *feed) {
	if feed.joiner == 0 {
		f.feeds = append(f.feeds, feed)
	} else {
		f.joiners = append(f.joiners, feed)
	}
	m.Deliveries(true)
}

// feed adds a delivery for all who read the deliveries on connections.
func (f *front) feed(d *wire.Delivery) {
	if len(f.feeds) > 0 {
		f.deliveries.add(d)
	}
	for _, joiner := range f.joiners {
		joiner.log.add(d)
	}
}

// entered ends the feeds of joiners that are members of the view, and those of the others
// if they may not understand what is delivered in it.
func (f *front) entered(e *member.Entered) {
	for _, feed := range f.joiners {
		switch {
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

// publishFeeds ends a turn: it wakes the writers that wait, and forgets feeds that have
// ended. It cuts off the clients furthest behind until the log holds no more than MaxLagBytes
// for those that are left, and the joiners furthest behind until all joiners' hold no more.
func (f *front) publishFeeds(m *member.Member) {
	if len(f.feeds)+len(f.joiners) == 0 {
		return
	}
	f.publishToClients()
	f.publishToJoiners()
	m.Deliveries(f.cfg.OnDeliver != nil || len(f.feeds)+len(f.joiners) > 0)
}

// publishToClients looks at each feed only if one has ended, or must.
func (f *front) publishToClients() {
	if len(f.feeds) == 0 {
		return
	}
	if f.deliveries.publish() {
		f.feeds = slices.DeleteFunc(f.feeds, func(f *feed) bool {
			ended, _ := f.standing()
			return ended
		})
	}
	for f.deliveries.held() > f.cfg.MaxLagBytes {
		if cutFurthest(&f.feeds) == 0 {
			return
		}
	}
	f.cutMost()
}

func (f *front) publishToJoiners() {
	total := 0
	f.joiners = slices.DeleteFunc(f.joiners, func(f *feed) bool {
		f.log.publish()
		ended, behind := f.standing()
		total += behind
		return ended
	})
	for total > f.cfg.MaxLagBytes {
		bytes := cutFurthest(&f.joiners)
		if bytes == 0 {
			return
		}
		total -= bytes
	}
}

// cutFurthest cuts off the feed that is furthest behind, and returns by how many bytes it is, 0 if
// none is behind.
func cutFurthest(feeds *[]*feed) (bytes int) {
	i, bytes := furthest(*feeds, func(feed *feed) int {
		_, behind := feed.standing()
		return behind
	})
	if i < 0 {
		return 0
	}
	(*feeds)[i].cut()
	*feeds = slices.Delete(*feeds, i, i+1)
	return bytes
}
