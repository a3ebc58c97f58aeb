package netfault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// openedLine is the proxy's answer when a connection is open. Any other is the
// text of an error.
const openedLine = "open\n"

// maxLineBytes bounds the proxy's answer.
const maxLineBytes = 1 << 10

// ErrRefused says that the proxy was reached, and could not connect to what was
// dialled.
var ErrRefused = errors.New("netfault: cannot connect")

// Dialer returns how the end of that name dials.
func (p *Proxy) Dialer(name string) func(ctx context.Context, addr string) (net.Conn, error) {
	return Through(p.Addr(), name)
}

// Through returns how the end of a name dials through the proxy at an address.
// A name is not empty and has no spaces. A dial waits for what it dials, or for
// the cut to heal, until its context ends. The error wraps the context's then,
// and ErrRefused when nothing listens there.
func Through(proxy, name string) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", proxy)
		if err != nil {
			return nil, err
		}
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			_ = conn.SetDeadline(time.Unix(1, 0)) // it fails when the connection has ended, which is as good
			close(interrupted)
		})
		err = open(conn, name, addr)
		if !stop() {
			<-interrupted
			err = fmt.Errorf("netfault: dial %s: %w", addr, ctx.Err())
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

// open tells the proxy who dials whom, and reads its answer: byte by byte, since
// what follows is the connection's own.
func open(conn net.Conn, name, addr string) error {
	if _, err := fmt.Fprintf(conn, "%s %s\n", name, addr); err != nil {
		return err
	}
	var line []byte
	for one := make([]byte, 1); len(line) < maxLineBytes; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return fmt.Errorf("netfault: dial %s: %w", addr, err)
		}
		if line = append(line, one[0]); one[0] == '\n' {
			break
		}
	}
	if string(line) != openedLine {
		return fmt.Errorf("%w: %s", ErrRefused, strings.TrimSuffix(string(line), "\n"))
	}
	return nil
}
