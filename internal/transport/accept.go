package transport

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Accept takes over a connection whose Hello, with wire.RolePeer, was read, and
// answers it. It returns at once. A dialler that is refused is told why, and
// tries again: it may just have come before its peer was told of it.
func (n *Network) Accept(conn net.Conn, hello wire.Hello) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		if err := conn.Close(); err != nil {
			n.cfg.Logger.Debug("closing a connection", "err", err)
		}
		return
	}
	n.running.Go(func() { n.accept(conn, hello) })
}

// accept finds the link that a Hello is meant for.
func (n *Network) accept(conn net.Conn, hello wire.Hello) {
	version, err := wire.Negotiate(hello.MinVersion, hello.MaxVersion)
	if err != nil {
		n.refuse(conn, wire.StatusVersion, err.Error())
		return
	}
	g, err := decodeGreeting(hello.Extra)
	if err != nil || hello.Role != wire.RolePeer {
		n.refuse(conn, wire.StatusBadRequest, "not the handshake of a peer")
		return
	}
	if hello.Group != n.cfg.Group || hello.Generation != n.cfg.Generation {
		n.refuse(conn, wire.StatusGeneration, fmt.Sprintf("this node is of group %x, generation %d, not of group %x, generation %d",
			n.cfg.Group, n.cfg.Generation, hello.Group, hello.Generation))
		return
	}
	if g.to != n.cfg.Self {
		n.refuse(conn, wire.StatusUnavailable, fmt.Sprintf("this is %s, not %s", n.cfg.Self, g.to))
		return
	}
	l := (*n.links.Load())[g.from]
	if l == nil {
		n.refuse(conn, wire.StatusUnavailable, n.stranger(g.from))
		return
	}
	if l.dials {
		n.refuse(conn, wire.StatusBadRequest, "the node with the higher incarnation dials")
		return
	}
	l.serve(conn, version, g)
}

// stranger tells why a node is not linked with.
func (n *Network) stranger(id isis.MemberID) string {
	for known := range *n.links.Load() {
		if known.ID == id.ID {
			return fmt.Sprintf("%s is linked as %s", id, known)
		}
	}
	return fmt.Sprintf("%s is not a peer of %s (yet)", id, n.cfg.Self)
}

// reply answers a Hello. It does not wait longer than a handshake may take, nor
// for a node that is closed.
func (n *Network) reply(ctx context.Context, conn net.Conn, r wire.HelloReply) error {
	r.Info = wire.Info{
		Group: n.cfg.Group, Generation: n.cfg.Generation,
		NodeID: n.cfg.Self.ID, Incarnation: n.cfg.Self.Incarnation,
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if err := conn.Close(); err != nil {
			n.cfg.Logger.Debug("closing a connection", "err", err)
		}
	})
	err := wire.WriteHelloReply(conn, r)
	if !stop() {
		return fmt.Errorf("transport: handshake: %w", ctx.Err())
	}
	return err
}

// refuse answers a Hello for which there is no link.
func (n *Network) refuse(conn net.Conn, status wire.Status, message string) {
	err := n.reply(n.ctx, conn, wire.HelloReply{Status: status, Message: message})
	if left, ok := n.refusals.Open(time.Now()); ok {
		n.cfg.Logger.Info("peer refused", "addr", conn.RemoteAddr(), "reason", message, "err", err, "left_out", left)
	}
	if err := conn.Close(); err != nil {
		n.cfg.Logger.Debug("closing a connection", "err", err)
	}
}

// serve answers a Hello to this link, and reads the connection to its end.
func (l *link) serve(conn net.Conn, version uint16, g greeting) {
	defer func() { l.closeConn(conn) }()
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	if !l.supersede(g.attempt, func() { cancel(errSuperseded) }) {
		l.note(errSuperseded)
		return
	}
	// The reader of the connection before may still be handing over what came.
	select {
	case l.reader <- struct{}{}:
	case <-ctx.Done():
		l.note(context.Cause(ctx))
		return
	}
	defer func() { <-l.reader }()

	r, mine := l.answer(g)
	r.Version = version
	err := l.n.reply(ctx, conn, r)
	if err == nil && r.Status != wire.StatusOK {
		err = fmt.Errorf("%w: %s", errNotReady, r.Message)
	}
	if err != nil {
		l.note(err)
		return
	}
	conn = l.n.adopt(conn)
	// From here on a newer connection closes this one.
	defer context.AfterFunc(ctx, func() { l.closeConn(conn) })()
	a, err := l.attach(conn, mine, g.claim)
	if err != nil {
		l.note(err)
		return
	}
	err = l.read(a)
	l.detach(a, err)
}

// supersede ends the use of all older connections. It returns false when there
// was a newer one already.
func (l *link) supersede(attempt uint64, end func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if attempt <= l.newest {
		return false
	}
	if l.incoming != nil {
		l.incoming()
	}
	if l.cur != nil {
		l.breakLocked(l.cur, errSuperseded)
	}
	l.newest, l.incoming = attempt, end
	return true
}

// answer decides on the dialler's claim.
func (l *link) answer(g greeting) (wire.HelloReply, stream.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fits := !l.closed && l.dead == nil && l.settleLocked(g.claim)
	mine := l.claimLocked()
	r := wire.HelloReply{Status: wire.StatusOK, Extra: appendClaim(nil, mine)}
	if !fits {
		r.Status = wire.StatusUnavailable
		r.Message = "the two ends of the link do not fit"
		if l.dead != nil {
			r.Message = fmt.Sprintf("the link is dead until a later view: %v", l.dead)
		}
	}
	return r, mine
}
