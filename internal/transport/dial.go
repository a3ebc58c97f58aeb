package transport

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// dial connects to the peer and reads the connection, whenever the link says so or a
// pause after the last time is over, until the line is closed.
func (l *line) dial() {
	var pause <-chan time.Time
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		case <-pause:
		}
		if err := l.dialOnce(); err != nil {
			l.failed(err)
		}
		l.mu.Lock()
		pause = time.After(l.end.Redial())
		l.unlock()
	}
}

// dialOnce makes a connection and reads it to its end. An error says why it was not in
// use.
func (l *line) dialOnce() error {
	ctx, cancel := context.WithTimeout(l.ctx, l.n.cfg.HandshakeTimeout)
	defer cancel()
	addr, err := l.n.cfg.Locate(ctx, l.status().Peer)
	if err != nil {
		return fmt.Errorf("transport: locating %s: %w", l.peer, err)
	}
	conn, err := l.n.cfg.Dial(ctx, addr)
	if err != nil {
		return err
	}
	defer l.n.closeConn(conn)
	if err := nbio.WidenLoopback(conn, nbio.LinkBuffer); err != nil {
		l.n.cfg.Logger.Debug("a connection keeps the buffers that it has", "addr", addr, "err", err)
	}
	// Not every connection has deadlines that work, but all can be closed.
	stop := context.AfterFunc(ctx, func() { l.n.closeConn(conn) })
	number, err := l.greet(conn)
	if !stop() {
		return fmt.Errorf("transport: handshake with %s: %w", addr, ctx.Err())
	}
	if err != nil {
		return err
	}
	return l.use(conn, number)
}

// greet is the dialler's part of the handshake.
func (l *line) greet(conn net.Conn) (number uint64, err error) {
	l.mu.Lock()
	hello, number := l.end.Hello()
	l.unlock()
	if err := wire.WriteHello(conn, hello); err != nil {
		return number, err
	}
	reply, err := wire.ReadHelloReply(conn)
	if err != nil {
		return number, err
	}
	l.mu.Lock()
	defer l.unlock()
	return number, l.end.Answered(number, &reply)
}
