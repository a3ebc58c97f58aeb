package evloop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a TCP connection that a loop watches. It is a net.Conn whose Read never
// waits. Its methods may be called by many goroutines at once, Read and Serve by
// one at a time, and Write and TryWrite too.
type Conn struct {
	loop          *Loop
	id            uint64
	fd            int
	uses          atomic.Int32 // of fd: one as long as it is open, and one by each call in the kernel
	local, remote net.Addr
	served        chan struct{} // full when Serve may return
	writable      chan struct{} // full when who waits in Write is to look again

	mu        sync.Mutex  // guards what follows
	handler   func() bool // not nil while Serve waits
	watched   uint32      // the events that the kernel watches for; 0: it does not know fd
	wantsRoom bool        // somebody waits until there is room to write
	closed    bool
	read      deadline
	write     deadline
}

// deadline is a time after which reads, or writes, fail.
type deadline struct {
	timer  *time.Timer
	passed bool
}

const (
	eventsIn  = syscall.EPOLLIN | syscall.EPOLLRDHUP
	eventsOut = syscall.EPOLLOUT
)

// Adopt takes a connection over, which must not be used any more. It returns
// ErrUnsupported, and leaves the connection as it is, if that is no TCP connection.
func (l *Loop) Adopt(conn net.Conn) (*Conn, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("%w: a connection of type %T", ErrUnsupported, conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	// The descriptor is known to the runtime's poller, which must forget it. So it
	// is closed, and the loop has another one of the same socket.
	fd := -1
	var dupErr error
	if err := raw.Control(func(of uintptr) { fd, dupErr = duplicate(of) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, dupErr
	}
	c := &Conn{
		loop: l, fd: fd, local: tcp.LocalAddr(), remote: tcp.RemoteAddr(),
		served: make(chan struct{}, 1), writable: make(chan struct{}, 1),
	}
	c.uses.Store(1)
	if err := l.add(c); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	if err := tcp.Close(); err != nil { // by somebody else, meanwhile
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func duplicate(fd uintptr) (int, error) {
	for {
		dup, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		switch errno {
		case 0:
			return int(dup), nil
		case syscall.EINTR:
			continue
		default:
			return -1, os.NewSyscallError("fcntl", errno)
		}
	}
}

// Serve has f called from the loop, one call at a time: at once, whenever there is
// something to read, when a read deadline passes and when the connection is closed.
// It returns when f returns false. f must not wait for anything.
func (c *Conn) Serve(f func() bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		for f() { // its read fails
		}
		return
	}
	c.handler = f
	c.watchLocked()
	c.loop.ring(c) // before anybody else may close it, so that a call comes after that
	c.mu.Unlock()
	<-c.served
}

// call calls the handler, if there is one. The loop's.
func (c *Conn) call() {
	c.mu.Lock()
	f := c.handler
	c.mu.Unlock()
	if f == nil || f() {
		return
	}
	c.mu.Lock()
	c.handler = nil
	c.watchLocked()
	c.mu.Unlock()
	c.served <- struct{}{}
}

// happened takes events. The loop's.
func (c *Conn) happened(events uint32) {
	if events&^eventsIn != 0 {
		c.mu.Lock()
		if c.wantsRoom {
			c.wantsRoom = false
			c.watchLocked()
			c.wakeWriterLocked()
		}
		c.mu.Unlock()
	}
	if events&^eventsOut != 0 {
		c.call()
	}
}

// watchLocked tells the kernel what to watch for, if that has changed.
func (c *Conn) watchLocked() {
	var events uint32
	if c.handler != nil {
		events |= eventsIn
	}
	if c.wantsRoom {
		events |= eventsOut
	}
	if c.closed || events == c.watched {
		return
	}
	op := syscall.EPOLL_CTL_MOD
	switch {
	case c.watched == 0:
		op = syscall.EPOLL_CTL_ADD
	case events == 0:
		op = syscall.EPOLL_CTL_DEL // a connection that has ended would be reported for ever
	}
	c.watched = events
	if err := c.loop.control(op, c.fd, c.id, events); err != nil {
		// Out of memory, or of what a user may watch: the connection is of no use.
		c.closeLocked()
	}
}

func (c *Conn) wakeWriterLocked() {
	select {
	case c.writable <- struct{}{}:
	default: // it has not looked since the last time
	}
}

// Read reads what is there. It returns ErrWouldBlock if that is nothing.
func (c *Conn) Read(b []byte) (int, error) {
	if err := c.usable(&c.read); err != nil {
		return 0, err
	}
	if !c.use() {
		return 0, net.ErrClosed
	}
	defer c.release()
	for {
		n, err := syscall.Read(c.fd, b)
		switch {
		case err == nil && n == 0 && len(b) > 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, ErrWouldBlock
		default:
			return 0, os.NewSyscallError("read", err)
		}
	}
}

// TryWrite writes what the connection takes at once and returns how much that was.
func (c *Conn) TryWrite(b []byte) (int, error) {
	if !c.use() {
		return 0, net.ErrClosed
	}
	defer c.release()
	for {
		n, err := syscall.Write(c.fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// Write writes all of b, and waits for room as long as the write deadline allows.
func (c *Conn) Write(b []byte) (int, error) {
	written := 0
	for {
		if err := c.usable(&c.write); err != nil {
			return written, err
		}
		n, err := c.TryWrite(b[written:])
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
		c.mu.Lock()
		c.wantsRoom = true
		c.watchLocked()
		c.mu.Unlock()
		<-c.writable
	}
}

// usable returns why the connection cannot be read, or written to, any more.
func (c *Conn) usable(d *deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case d.passed:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// use keeps the descriptor open until release. It returns false if it is not open.
func (c *Conn) use() bool {
	for {
		n := c.uses.Load()
		if n == 0 {
			return false
		}
		if c.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.uses.Add(-1) == 0 {
		_ = syscall.Close(c.fd) // there is nobody to tell, and nothing left to do
	}
}

// Close closes the connection. Its handler is called once more, and Write returns
// net.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closeLocked()
	return nil
}

func (c *Conn) closeLocked() {
	c.closed = true
	c.read.stop()
	c.write.stop()
	c.wakeWriterLocked()
	c.loop.ring(c) // before remove: see Loop.Close
	c.loop.remove(c)
	c.release()
}

// LocalAddr returns the connection's own address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other side's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the time after which Read fails with os.ErrDeadlineExceeded.
// The handler is called then. The zero time is none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(&c.read, t, func() { c.loop.ring(c) })
}

// SetWriteDeadline sets the time after which Write fails with
// os.ErrDeadlineExceeded. It counts for a Write that waits, too.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(&c.write, t, c.wakeWriterLocked)
}

// setDeadline has tell called, with mu held, when the deadline has passed.
func (c *Conn) setDeadline(d *deadline, t time.Time, tell func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	d.stop()
	d.passed = false
	if t.IsZero() {
		return nil
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		tell()
		return nil
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if d.timer != timer || c.closed {
			return // another deadline was set meanwhile
		}
		d.passed = true
		tell()
	})
	d.timer = timer
	return nil
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
