package systems

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// echoBytes is the size of what goes there and back.
const echoBytes = 64

// echo is the least that a request and its answer can take over TCP.
type echo struct {
	process  *cluster.Process // nil if this one answers
	listener net.Listener     // of this process, if it does
	conns    []net.Conn
	addr     string
}

// startEcho has another process answer.
func startEcho(ctx context.Context, _ Env) (point.System, error) {
	p, addr, err := startChild(ctx, echoChild)
	if err != nil {
		return nil, err
	}
	return &echo{process: p, addr: addr}, nil
}

// startEchoInside has goroutines of this process answer.
func startEchoInside(context.Context, Env) (point.System, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { _ = serveChild(l, answerEcho) }() // until the listener is closed
	return &echo{listener: l, addr: l.Addr().String()}, nil
}

// Client has a connection of its own.
func (s *echo) Client(ctx context.Context, _ int) (point.Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	s.conns = append(s.conns, conn)
	return &echoClient{conn: conn}, nil
}

// Close ends the connections and who answers.
func (s *echo) Close() error {
	for _, c := range s.conns {
		_ = c.Close() // the other end goes too
	}
	if s.listener != nil {
		return s.listener.Close()
	}
	return s.process.Stop()
}

type echoClient struct {
	conn net.Conn
	buf  [echoBytes]byte
}

// Write is a round trip.
func (c *echoClient) Write(context.Context, string, []byte) error {
	if _, err := c.conn.Write(c.buf[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(c.conn, c.buf[:])
	return err
}

// Read is not asked for.
func (c *echoClient) Read(context.Context, string) (int, error) {
	return 0, fmt.Errorf("systems: %w: an echo holds no values", errors.ErrUnsupported)
}

// answerEcho sends everything back.
func answerEcho(conn net.Conn) error {
	var buf [echoBytes]byte
	for {
		n, err := conn.Read(buf[:])
		if err != nil {
			return err
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return err
		}
	}
}
