package transport

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

var errCut = errors.New("connection cut")

// fakeNet joins Networks within a process, with connections that break as the
// test wants it.
type fakeNet struct {
	mu      sync.Mutex // guards what follows
	rnd     *rand.Rand
	nodes   map[string]*Network
	healed  bool // connections do not break any more
	cuts    int
	pipes   []*fakeConn // the dialler's ends
	blocked bool        // nobody can dial
	servers sync.WaitGroup
}

func newFakeNet(seed uint64) *fakeNet {
	return &fakeNet{rnd: rand.New(rand.NewPCG(seed, 0)), nodes: map[string]*Network{}}
}

// dial connects to a node, whose server reads the Hello.
func (f *fakeNet) dial(_ context.Context, addr string) (net.Conn, error) {
	near := f.connect(addr)
	if near == nil {
		return nil, errCut
	}
	return near, nil
}

func (f *fakeNet) connect(addr string) *fakeConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[addr]
	if n == nil || f.blocked {
		return nil
	}
	near, far := f.pairLocked()
	f.servers.Go(func() {
		hello, err := wire.ReadHello(far)
		if err != nil {
			_ = far.Close() // cut within the handshake
			return
		}
		n.Accept(far, hello)
	})
	return near
}

func (f *fakeNet) pairLocked() (near, far *fakeConn) {
	ab, ba := f.pipeLocked(), f.pipeLocked()
	near = &fakeConn{f: f, in: ba, out: ab}
	far = &fakeConn{f: f, in: ab, out: ba}
	ab.reader, ab.writer, ba.reader, ba.writer = far, near, near, far
	f.pipes = append(f.pipes, near)
	return near, far
}

// pipeLocked makes one direction, which breaks after a random number of bytes:
// mostly few, sometimes enough for large records.
func (f *fakeNet) pipeLocked() *pipe {
	p := &pipe{f: f, size: 1 << (4 + f.rnd.IntN(13)), budget: 1 << 60, tries: f.rnd.IntN(3) > 0}
	p.rnd = rand.New(rand.NewPCG(f.rnd.Uint64(), 0))
	p.cond = sync.NewCond(&p.mu)
	if !f.healed {
		p.budget = f.rnd.IntN(64 << f.rnd.IntN(7))
		if f.rnd.IntN(6) == 0 {
			p.budget = f.rnd.IntN(1 << 20)
		}
	}
	return p
}

func (f *fakeNet) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = true
	for _, c := range f.pipes {
		c.breakBoth()
	}
	f.pipes = nil
}

// cutOne breaks a connection that is in use.
func (f *fakeNet) cutOne() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pipes = slices.DeleteFunc(f.pipes, (*fakeConn).broken)
	if f.healed || len(f.pipes) == 0 {
		return
	}
	c := f.pipes[f.rnd.IntN(len(f.pipes))]
	if f.rnd.IntN(3) == 0 {
		c.breakNear()
	} else {
		c.breakBoth()
	}
	f.cuts++
}

func (f *fakeNet) setBlocked(blocked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocked = blocked
}

// pipe is one direction of a connection.
type pipe struct {
	f              *fakeNet
	reader, writer *fakeConn
	size           int  // bytes on their way
	tries          bool // takes part of a write at once

	mu     sync.Mutex // guards what follows
	cond   *sync.Cond
	rnd    *rand.Rand
	buf    []byte
	budget int // bytes until it breaks
	frozen bool
	rerr   error
	werr   error
}

func (p *pipe) fail(rerr, werr error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rerr == nil {
		p.rerr = rerr
	}
	if p.werr == nil {
		p.werr = werr
	}
	p.cond.Broadcast()
}

// writeSome takes what fits, and breaks the connection when its time has come.
func (p *pipe) writeSome(b []byte, wait bool) (int, error) {
	p.mu.Lock()
	for wait && len(p.buf) >= p.size && p.werr == nil {
		p.cond.Wait()
	}
	if p.werr != nil {
		p.mu.Unlock()
		return 0, p.werr
	}
	n := min(len(b), p.size-len(p.buf), p.budget)
	p.buf = append(p.buf, b[:n]...)
	p.budget -= n
	broken := p.budget == 0
	fate := p.rnd.IntN(3)
	if broken && fate == 0 {
		p.buf = p.buf[:p.rnd.IntN(len(p.buf)+1)] // the end never arrives
	}
	p.cond.Broadcast()
	p.mu.Unlock()
	if broken {
		p.f.mu.Lock()
		p.f.cuts++
		p.f.mu.Unlock()
		if fate == 2 {
			p.writer.breakNear() // the other side does not notice
		} else {
			p.writer.breakBoth()
		}
		return n, errCut
	}
	return n, nil
}

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for (len(p.buf) == 0 || p.frozen) && p.rerr == nil {
		p.cond.Wait()
	}
	if len(p.buf) == 0 || p.frozen {
		return 0, p.rerr
	}
	n := min(len(b), len(p.buf), 1+p.rnd.IntN(1<<p.rnd.IntN(17)))
	n = copy(b[:n], p.buf)
	p.buf = p.buf[n:]
	p.cond.Broadcast()
	return n, nil
}

// fakeConn is one end of a connection.
type fakeConn struct {
	net.Conn // nil: panics on what is not implemented
	f        *fakeNet
	in, out  *pipe
}

func (c *fakeConn) Read(b []byte) (int, error) { return c.in.Read(b) }

func (c *fakeConn) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		n, err := c.out.writeSome(b, true)
		total += n
		if err != nil {
			return total, err
		}
		b = b[n:]
	}
	return total, nil
}

func (c *fakeConn) TryWrite(b []byte) (int, error) {
	if !c.out.tries {
		return 0, nil
	}
	return c.out.writeSome(b, false)
}

func (c *fakeConn) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "peer"} }

// Close ends the connection for both ends; what is on its way still arrives.
func (c *fakeConn) Close() error {
	c.in.fail(net.ErrClosed, errCut)
	c.out.fail(io.EOF, net.ErrClosed)
	return nil
}

func (c *fakeConn) breakBoth() {
	c.in.fail(errCut, errCut)
	c.out.fail(errCut, errCut)
}

// breakNear breaks this end only: the other hears nothing more, and what it
// writes goes nowhere.
func (c *fakeConn) breakNear() {
	c.in.fail(errCut, nil)
	c.out.fail(nil, errCut)
}

func (c *fakeConn) broken() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.rerr != nil
}

// freeze keeps this end from reading, as if its process stood still.
func (c *fakeConn) freeze() {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.frozen = true
}

// after waits, in the bubble's time.
func after(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
