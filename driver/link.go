package driver

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// link is a connection in a pool.
type link struct {
	conn    wire.Conn
	local   wire.LocalReader // of the replica in this process that conn is to, or nil
	info    wire.Info
	server  string           // its address, "" when the Connector knows no address
	bound   *session.Binding // handles compare the pointers: a group that is left and found again is another
	limit   int64            // requests in flight, 0: no limit
	created time.Time

	inFlight  atomic.Int64
	retired   atomic.Bool  // no new requests
	idleSince atomic.Int64 // as steady has it; kept only while idle connections are given up
	close     sync.Once
	closed    chan struct{} // closed by close
	err       error         // of closing
}

// newLink wraps a connection that has just been made.
func newLink(conn wire.Conn, server string, bound *session.Binding) *link {
	info := conn.Info()
	now := time.Now()
	l := &link{
		conn:    conn,
		info:    info,
		server:  server,
		bound:   bound,
		limit:   int64(info.MaxInFlight),
		created: now,
		closed:  make(chan struct{}),
	}
	if info.MaxInFlight == 0 { // begin and put would do nothing
		if local, ok := conn.(wire.Local); ok {
			l.local = local.Reader()
		}
	}
	l.idleSince.Store(steady(now))
	return l
}

// otherGeneration is the error of what was begun in another generation than the link's.
func (l *link) otherGeneration() error {
	return fmt.Errorf("%w (node %s, group %x, generation %d)", ErrGeneration, l.info.NodeID, l.info.Group, l.info.Generation)
}

// begin counts a request in, unless the link is at its limit or retired. Without
// a limit, an embedded node's, there is nothing to count for: its readers would
// only fight for the counter.
func (l *link) begin() bool {
	if l.limit == 0 {
		return !l.retired.Load()
	}
	n := l.inFlight.Add(1)
	if n > l.limit || l.retired.Load() {
		l.end()
		return false
	}
	return true
}

// hold counts in, of a link that is not retired, what is not a request but needs the
// connection for long. end counts it out.
func (l *link) hold() {
	if l.limit > 0 {
		l.inFlight.Add(1)
	}
}

// end counts a request out. The last one closes a retired link.
func (l *link) end() {
	if l.limit == 0 {
		return
	}
	if l.inFlight.Add(-1) == 0 && l.retired.Load() {
		_ = l.shut() // no caller is left for the error
	}
}

// retire lets no new requests in and closes the link once it has none. It
// reports false if that was done before.
func (l *link) retire() bool {
	if l.retired.Swap(true) {
		return false
	}
	if l.inFlight.Load() == 0 {
		_ = l.shut() // no caller is left for the error
	}
	return true
}

// shut closes the connection, once.
func (l *link) shut() error {
	l.close.Do(func() {
		l.err = l.conn.Close()
		close(l.closed)
	})
	return l.err
}
