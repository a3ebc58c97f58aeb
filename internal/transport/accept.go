package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Accept takes over a connection whose Hello, with wire.RolePeer, was read, and
// answers it. It returns at once. A dialler that is refused gets the reason.
func (n *Network) Accept(conn net.Conn, hello wire.Hello) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		n.closeConn(conn)
		return
	}
	n.running.Go(func() { n.accept(conn, &hello) })
}

// accept finds the line that a Hello is meant for.
func (n *Network) accept(conn net.Conn, hello *wire.Hello) {
	lines := *n.lines.Load()
	g, refusal := n.node.Judge(hello, maps.Keys(lines))
	if refusal != nil {
		n.refuse(conn, refusal)
		return
	}
	lines[g.From].serve(conn, g)
}

// refuse answers a Hello for which there is no link.
func (n *Network) refuse(conn net.Conn, r *wire.HelloReply) {
	err := n.reply(n.ctx, conn, r)
	if left, ok := n.refusals.Open(time.Now()); ok {
		n.cfg.Logger.Info("peer refused", "addr", conn.RemoteAddr(), "reason", r.Message, "err", err, "left_out", left)
	}
	n.closeConn(conn)
}

// reply answers a Hello. It does not wait longer than a handshake may take, nor
// for a node that is closed.
func (n *Network) reply(ctx context.Context, conn net.Conn, r *wire.HelloReply) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { n.closeConn(conn) })
	err := wire.WriteHelloReply(conn, *r)
	if !stop() {
		return fmt.Errorf("transport: handshake: %w", ctx.Err())
	}
	return err
}

// serve answers a Hello to this line, and reads the connection to its end.
func (l *line) serve(conn net.Conn, g link.Greeting) {
	defer l.n.closeConn(conn)
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	switch err := l.greeted(g, func() { cancel(link.ErrSuperseded) }); {
	case errors.Is(err, link.ErrUnproved):
		l.n.refuse(conn, l.end.Unproved(g))
		return
	case err != nil:
		l.failed(err)
		return
	}
	// The reader of the connection before may still be handing over what came.
	select {
	case l.reader <- struct{}{}:
	case <-ctx.Done():
		l.failed(context.Cause(ctx))
		return
	}
	defer func() { <-l.reader }()

	l.mu.Lock()
	r := l.end.Meet(g)
	l.unlock()
	err := l.n.reply(ctx, conn, &r)
	switch {
	case err != nil:
	case r.Status != wire.StatusOK:
		err = fmt.Errorf("%w: %s", link.ErrNotReady, r.Message)
	default:
		err = l.use(conn, g.Dial)
	}
	if err != nil {
		l.failed(err)
	}
}

// greeted takes a dial, if it comes from the peer and is the newest. Then end is called when
// a newer one comes.
func (l *line) greeted(g link.Greeting, end func()) error {
	l.mu.Lock()
	defer l.unlock()
	if err := l.end.Greeted(g); err != nil {
		return err
	}
	if l.incoming != nil {
		l.incoming()
	}
	l.incoming = end
	return nil
}
