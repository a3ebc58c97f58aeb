package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// ErrRefused says that a peer does not link. The dialler tries again: what was
// refused too early is not refused for ever.
var ErrRefused = errors.New("transport: the peer refuses")

// dial connects to the peer, reads the connection, and begins again when that is
// broken, until the link is closed.
func (l *link) dial() {
	pause := l.n.cfg.RedialMin
	for {
		attached, err := l.dialOnce()
		if attached {
			pause = l.n.cfg.RedialMin
		} else {
			l.note(err)
		}
		timer := time.NewTimer(jitter(pause))
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case <-l.wake:
			pause = 0
		case <-timer.C:
		}
		timer.Stop()
		pause = min(max(2*pause, l.n.cfg.RedialMin), l.n.cfg.RedialMax)
	}
}

// jitter shortens a pause at random by up to a half, so that nodes which lost
// their links together do not come back together.
func jitter(pause time.Duration) time.Duration {
	return pause - rand.N(pause/2+1) //nolint:gosec // no secret
}

// dialOnce makes a connection and reads it to its end. It reports whether the
// connection was in use, and why it is not (any more).
func (l *link) dialOnce() (attached bool, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.n.cfg.HandshakeTimeout)
	defer cancel()
	l.mu.Lock()
	addr := l.addr
	l.mu.Unlock()
	addr, err = l.n.cfg.Locate(ctx, Peer{MemberID: l.peer, Addr: addr})
	if err != nil {
		return false, fmt.Errorf("transport: locating %s: %w", l.peer, err)
	}
	conn, err := l.n.cfg.Dial(ctx, addr)
	if err != nil {
		return false, err
	}
	if err := nbio.WidenLoopback(conn); err != nil {
		l.n.cfg.Logger.Debug("a connection keeps the buffers that it has", "addr", addr, "err", err)
	}
	// Not every connection has deadlines that work, but all can be closed.
	stop := context.AfterFunc(ctx, func() { l.closeConn(conn) })
	mine, theirs, err := l.greet(conn)
	if !stop() {
		return false, fmt.Errorf("transport: handshake with %s: %w", addr, ctx.Err())
	}
	if err != nil {
		l.closeConn(conn)
		return false, err
	}
	conn = l.n.adopt(conn)
	a, err := l.attach(conn, mine, theirs)
	if err != nil {
		l.closeConn(conn)
		return false, err
	}
	err = l.read(a)
	l.detach(a, err)
	return true, err
}

// greet is the dialler's part of the handshake. It returns both ends' claims.
func (l *link) greet(conn net.Conn) (mine, theirs stream.Claim, err error) {
	l.mu.Lock()
	mine = l.claimLocked()
	l.mu.Unlock()
	n := l.n
	err = wire.WriteHello(conn, wire.Hello{
		Role: wire.RolePeer, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: n.cfg.Group, Generation: n.cfg.Generation,
		Extra: appendGreeting(nil, greeting{
			from: n.cfg.Self, to: l.peer, attempt: n.attempts.Add(1), claim: mine,
		}),
	})
	if err != nil {
		return mine, theirs, err
	}
	reply, err := wire.ReadHelloReply(conn)
	if err != nil {
		return mine, theirs, err
	}
	// A reply without a claim comes from a node that has no such link.
	if len(reply.Extra) > 0 {
		if theirs, err = decodeClaim(reply.Extra); err != nil {
			return mine, theirs, err
		}
	}
	if reply.Status == wire.StatusOK {
		return mine, theirs, l.verify(reply)
	}
	if len(reply.Extra) > 0 && l.verify(reply) == nil {
		l.refused(mine, theirs)
	}
	return mine, theirs, fmt.Errorf("%w: %s", ErrRefused, reply.Message)
}

// verify checks that the reply comes from the peer.
func (l *link) verify(r wire.HelloReply) error {
	if r.Info.Group != l.n.cfg.Group || r.Info.Generation != l.n.cfg.Generation {
		return fmt.Errorf("%w: %s of group %x, generation %d, answers in place of %s of group %x, generation %d", ErrRefused, r.Info.NodeID,
			r.Info.Group, r.Info.Generation, l.peer.String(), l.n.cfg.Group, l.n.cfg.Generation)
	}
	if r.Info.NodeID == l.peer.ID && r.Info.Incarnation == l.peer.Incarnation {
		return nil
	}
	if r.Info.NodeID == l.n.cfg.Self.ID && r.Info.Incarnation == l.n.cfg.Self.Incarnation {
		return fmt.Errorf("%w: the address of %s leads to this node itself", ErrRefused, l.peer)
	}
	return fmt.Errorf("%w: %s#%d answers in place of %s#%d", ErrRefused, r.Info.NodeID, r.Info.Incarnation,
		l.peer.ID, l.peer.Incarnation)
}

// refused draws the consequences of a peer's claim that does not fit ours.
func (l *link) refused(mine, theirs stream.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.dead != nil || l.out.Epoch() != mine.Epoch {
		return // the claim that was refused is not ours any more
	}
	l.settleLocked(theirs)
}
