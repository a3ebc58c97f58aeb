package transport

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/transport/stream"
)

// drainBytes is how much is handed at once to a connection that is full.
const drainBytes = 64 << 10

// attachment is a connection in use by a link. Its fields are guarded by the
// link's mutex, or never change.
type attachment struct {
	conn    net.Conn
	try     *nbio.Tryer
	in      *inbound      // of the epoch that the connection belongs to
	since   time.Duration // Network.clock
	quiet   bool          // nothing was written since the last tick
	writing bool          // drain runs; only it writes
}

// settleLocked decides by the peer's claim how to go on, and does it. True means
// that the two ends fit.
func (l *link) settleLocked(theirs stream.Claim) bool {
	verdict := l.out.Meet(theirs)
	if verdict == stream.Restart {
		l.beginAnewLocked(ErrPeerLost)
		verdict = l.out.Meet(theirs)
	}
	if verdict == stream.Lost {
		l.dieLocked(ErrPeerLost)
	}
	return verdict == stream.Resume
}

// claimLocked is what to tell the peer.
func (l *link) claimLocked() stream.Claim {
	c := l.out.Claim(l.in.received.Load())
	c.Dead = l.dead != nil
	return c
}

// attach puts a connection into use whose ends have told one another their
// claims. The caller is the one that will read it.
func (l *link) attach(conn net.Conn, mine, theirs stream.Claim) (*attachment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errClosed
	case l.dead != nil:
		return nil, l.dead
	case !l.settleLocked(theirs) || l.out.Epoch() != mine.Epoch:
		return nil, errNotReady
	}
	if err := l.out.Resume(theirs); err != nil {
		l.dieLocked(err)
		return nil, err
	}
	a := &attachment{conn: conn, try: nbio.NewTryer(conn), in: l.in, since: l.n.clock()}
	l.cur = a
	l.n.cfg.Logger.Info("link up", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation, "addr", conn.RemoteAddr().String())
	l.pushLocked()
	return a, nil
}

// pushLocked writes what may be written, as far as the connection takes it.
func (l *link) pushLocked() {
	a := l.cur
	if a == nil || a.writing {
		return
	}
	b := l.out.Unsent()
	if len(b) == 0 {
		return
	}
	a.quiet = false
	n, err := a.try.TryWrite(b)
	l.out.Wrote(l.out.Sent() + uint64(n))
	switch {
	case err != nil:
		l.breakLocked(a, err)
	case n < len(b):
		a.writing = true
		l.n.running.Go(func() { l.drain(a) })
	}
}

// drain writes what a connection did not take at once, until nothing is left or
// the connection is not in use any more. It writes copies of a bounded size:
// what is kept may move while the write waits.
func (l *link) drain(a *attachment) {
	chunk := make([]byte, drainBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cur == a {
		size := copy(chunk, l.out.Unsent())
		if size == 0 {
			break
		}
		end := l.out.Sent() + uint64(size)
		l.mu.Unlock()
		_, err := a.conn.Write(chunk[:size])
		l.mu.Lock()
		switch {
		case l.cur != a:
		case err != nil:
			l.breakLocked(a, err)
		default:
			l.out.Wrote(end)
			a.quiet = false
		}
	}
	a.writing = false
}

// breakLocked ends the use of a connection. Its reader and its writer notice.
func (l *link) breakLocked(a *attachment, why error) {
	if l.cur != a {
		return
	}
	l.cur = nil
	l.broken = why
	l.closeConn(a.conn)
}

// detach ends the use of a connection whose reader has ended.
func (l *link) detach(a *attachment, why error) {
	l.mu.Lock()
	l.breakLocked(a, why)
	why = l.broken // the reader may only have noticed what came first
	l.mu.Unlock()
	l.n.cfg.Logger.Info("link down", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation, "err", why)
}

// note keeps the reason why there is no connection.
func (l *link) note(why error) {
	l.mu.Lock()
	l.broken = why
	l.mu.Unlock()
	l.n.cfg.Logger.Debug("no link", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation, "err", why)
}

// closeConn closes a connection that is of no use any more.
func (l *link) closeConn(c io.Closer) {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		l.n.cfg.Logger.Debug("closing a connection", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation, "err", err)
	}
}
