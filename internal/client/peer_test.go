package client

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// peer is the other end of a connection, played by the test.
type peer struct {
	t      testing.TB
	conn   net.Conn
	frames *wire.FrameReader
}

// countingConn counts writes.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// dialPeer returns a connection and its other end after the handshake.
func dialPeer(t testing.TB, info wire.Info, o Options) (*Conn, *peer, *countingConn) {
	t.Helper()
	var counting *countingConn
	var p *peer
	greeted := make(chan error, 1)
	o.DialContext = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		counting = &countingConn{Conn: here}
		p = &peer{t: t, conn: there, frames: wire.NewFrameReader(there, 1<<24)}
		go func() {
			_, err := wire.ReadHello(there)
			greeted <- errors.Join(err, wire.WriteHelloReply(there, wire.HelloReply{Version: 1, Info: info}))
		}()
		return counting, nil
	}
	c, err := Dial(t.Context(), "peer:1", o)
	if err := errors.Join(err, <-greeted); err != nil {
		t.Fatal(err)
	}
	counting.writes.Store(0)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, p, counting
}

// dialTCP is dialPeer over loopback, where writes need not wait.
func dialTCP(t testing.TB, info wire.Info) (*Conn, *peer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	failed := make(chan error, 1)
	go func() {
		there, err := l.Accept()
		if err == nil {
			accepted <- there
			_, err = wire.ReadHello(there)
		}
		if err == nil {
			err = wire.WriteHelloReply(there, wire.HelloReply{Version: 1, Info: info})
		}
		failed <- err
	}()
	c, err := Dial(t.Context(), l.Addr().String(), Options{PingInterval: time.Minute})
	if err := errors.Join(err, <-failed, l.Close()); err != nil {
		t.Fatal(err)
	}
	there := <-accepted
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, &peer{t: t, conn: there, frames: wire.NewFrameReader(there, 1<<25)}
}

// slowReader reads a portion at most every 100 ms.
type slowReader struct{ net.Conn }

func (r slowReader) Read(b []byte) (int, error) {
	time.Sleep(100 * time.Millisecond) //nolint:forbidigo // in a bubble
	return r.Conn.Read(b[:min(len(b), nbio.PortionBytes)])
}

// next reads a request.
func (p *peer) next() wire.Request {
	p.t.Helper()
	_, body, err := p.frames.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := wire.DecodeRequest(append([]byte{}, body...))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// reply answers a request.
func (p *peer) reply(r wire.Reply) {
	p.t.Helper()
	p.send(wire.AppendReply(nil, &r))
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// outcome is what a call returned.
type outcome struct {
	reply wire.Reply
	err   error
}

// get begins a read.
func get(ctx context.Context, c *Conn, key string) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		reply, err := c.Get(ctx, key, 7, false)
		ended <- outcome{reply, err}
	}()
	return ended
}
