package netfault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// chunkBytes is how much is forwarded at once: what of a stream may still pass
// when a cut begins.
const chunkBytes = 32 << 10

// queueBytes is about how much of a stream the kernel keeps for the proxy while its way is
// cut or slow. After that the sender waits.
const queueBytes = 128 << 10

// openTimeout bounds the wait for a dialler's first line, and for what it dials
// to accept.
const openTimeout = 10 * time.Second

// relay is one connection through the proxy.
type relay struct {
	proxy   *Proxy
	dialler *net.TCPConn
	in      *bufio.Reader // of the dialler
	out     Way           // from the dialler to what it dials
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex // guards what follows
	dialled *net.TCPConn
	aborted bool
}

// accept takes connections until the proxy is closed.
func (p *Proxy) accept() {
	for {
		select {
		case p.slots <- struct{}{}:
		case <-p.ctx.Done():
			return
		}
		conn, err := p.listener.Accept()
		if err != nil {
			return // the listener is closed; on loopback nothing else ends it
		}
		p.tasks.Go(func() {
			defer func() { <-p.slots }()
			p.serve(conn.(*net.TCPConn))
		})
	}
}

// serve forwards one connection until it ends.
func (p *Proxy) serve(dialler *net.TCPConn) {
	defer closeQuietly(dialler)
	r := &relay{proxy: p, dialler: dialler, in: bufio.NewReaderSize(dialler, chunkBytes)}
	r.ctx, r.cancel = context.WithCancel(p.ctx)
	defer r.cancel()
	stop := context.AfterFunc(r.ctx, func() { _ = dialler.SetDeadline(time.Unix(1, 0)) }) // whatever it waits for is over
	defer stop()
	addr, err := r.readLine()
	if err != nil || !p.add(r) {
		return
	}
	defer p.remove(r)
	r.forward(addr)
}

// readLine learns who dials whom.
func (r *relay) readLine() (addr string, err error) {
	if err := errors.Join(r.dialler.SetReadBuffer(queueBytes), r.dialler.SetReadDeadline(time.Now().Add(openTimeout))); err != nil {
		return "", err
	}
	line, err := r.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	from, addr, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
	if !ok {
		return "", fmt.Errorf("netfault: not the first line of a dialler: %q", line)
	}
	r.out = Way{from, r.proxy.nameOf(addr)}
	return addr, r.dialler.SetReadDeadline(time.Time{})
}

func (p *Proxy) add(r *relay) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.relays[r] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) remove(r *relay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.relays, r)
}

// forward dials, and forwards both ways until both have ended.
func (r *relay) forward(addr string) {
	back := Way{r.out.To, r.out.From}
	opened := make(chan *net.TCPConn, 1)
	var there sync.WaitGroup
	there.Go(func() { r.there(opened) })
	conn := r.open(addr, back)
	opened <- conn
	if conn != nil {
		r.pump(conn, r.dialler, back)
	} else {
		r.cancel()
	}
	there.Wait()
	closeQuietly(conn)
}

// open dials, and tells the dialler what came of it. It returns nil if there is
// no connection, or nobody to use it.
func (r *relay) open(addr string, back Way) *net.TCPConn {
	// A handshake of TCP goes both ways.
	if !r.proxy.pass(r.ctx, r.out) {
		return nil
	}
	conn, err := r.dial(addr)
	answer := openedLine
	if err != nil {
		answer = strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	}
	if r.proxy.pass(r.ctx, back) && (conn == nil || r.opened(conn)) {
		if _, writeErr := io.WriteString(r.dialler, answer); err == nil && writeErr == nil {
			return conn
		}
	}
	closeQuietly(conn)
	return nil
}

// dial opens the other half.
func (r *relay) dial(addr string) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: openTimeout}
	dialled, err := d.DialContext(r.ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := dialled.(*net.TCPConn)
	if err := conn.SetReadBuffer(queueBytes); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// opened notes the other half, unless the relay is to break.
func (r *relay) opened(conn *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dialled = conn
	if !r.aborted {
		context.AfterFunc(r.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // likewise
	}
	return !r.aborted
}

// there forwards from the dialler, once the other half is open. A dialler that
// gives up earlier ends the relay.
func (r *relay) there(opened <-chan *net.TCPConn) {
	_, err := r.in.Peek(1)
	closedInOrder := errors.Is(err, io.EOF) && r.established()
	if err != nil && !closedInOrder {
		r.cancel()
		return
	}
	if conn := <-opened; conn != nil {
		r.pump(r.in, conn, r.out)
	}
}

func (r *relay) established() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialled != nil
}

// pump forwards one direction to its end, and then closes that half of the
// connection. An error breaks all of it.
func (r *relay) pump(from io.Reader, to *net.TCPConn, w Way) {
	chunk := make([]byte, chunkBytes)
	for {
		n, err := from.Read(chunk)
		if !r.send(chunk[:n], to, w) {
			return
		}
		if errors.Is(err, io.EOF) {
			_ = to.CloseWrite() // an error means that it has broken
			return
		}
		if err != nil {
			r.abort()
			return
		}
	}
}

// send writes bytes as its way carries them, none too. It reports false if that is over.
func (r *relay) send(b []byte, to *net.TCPConn, w Way) bool {
	for {
		pipes := r.proxy.pipesOf(w)
		n := piece(pipes, len(b))
		if !carry(r.ctx, pipes, n) || !r.proxy.pass(r.ctx, w) {
			return false
		}
		if n == 0 {
			return true
		}
		if _, err := to.Write(b[:n]); err != nil {
			r.abort()
			return false
		}
		if b = b[n:]; len(b) == 0 {
			return true
		}
	}
}

// abort breaks both halves, with a reset.
func (r *relay) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted = true
	// A lingering time of 0 makes the close that follows a reset. It fails on a
	// connection that has broken by itself.
	_ = r.dialler.SetLinger(0)
	if r.dialled != nil {
		_ = r.dialled.SetLinger(0)
	}
	r.cancel()
}

// closeQuietly closes a connection, nil for none. That it cannot be closed once
// more says nothing.
func closeQuietly(conn *net.TCPConn) {
	if conn != nil {
		_ = conn.Close()
	}
}
