package evloop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// Loop waits for what comes on its connections.
type Loop struct {
	epoll      int
	bell       int // an eventfd: there is something in rung
	begin, end func()
	done       chan struct{}

	mu     sync.Mutex // guards what follows
	conns  map[uint64]*Conn
	lastID uint64
	rung   []*Conn // whose handler is to be called although nothing may have come
	closed bool    // takes no connection any more
	over   bool    // all are closed, and their handlers are rung for
	gone   bool    // the descriptors are closed
}

// roundEvents is how many events one call of the kernel brings.
const roundEvents = 256

// bellID is the id of the bell among the connections' ids, which begin with 1.
const bellID = 0

// New starts a loop. It calls begin before the handlers of a round and end after
// them, from the same goroutine; end may be nil, and so may begin.
func New(begin, end func()) (*Loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := eventfd()
	if err != nil {
		return nil, errors.Join(err, syscall.Close(epoll))
	}
	l := &Loop{
		epoll: epoll, bell: bell, begin: begin, end: end,
		done: make(chan struct{}), conns: make(map[uint64]*Conn),
	}
	if err := l.control(syscall.EPOLL_CTL_ADD, bell, bellID, syscall.EPOLLIN); err != nil {
		return nil, errors.Join(err, syscall.Close(bell), syscall.Close(epoll))
	}
	go l.run()
	return l, nil
}

func eventfd() (int, error) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("eventfd2", errno)
	}
	return int(fd), nil
}

// Close closes the connections that are left, and ends the loop once their
// handlers have been told. It must not be called from a handler.
func (l *Loop) Close() {
	l.mu.Lock()
	already := l.closed
	l.closed = true
	conns := make([]*Conn, 0, len(l.conns))
	for _, c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // it may be closed already, and not have rung yet
		l.ring(c)
	}
	if !already {
		l.ring(nil)
	}
	<-l.done
}

// run is the loop.
func (l *Loop) run() {
	defer close(l.done)
	events := make([]syscall.EpollEvent, roundEvents)
	var rung []*Conn
	w := waiter{epoll: l.epoll}
	defer w.close()
	for {
		n, err := w.wait(events)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			panic(fmt.Sprintf("evloop: waiting: %v", err)) // nothing but a mistake in here brings it about
		}
		if n <= 0 {
			continue
		}
		if l.begin != nil {
			l.begin()
		}
		over := false
		for i := range events[:n] {
			id := idOf(&events[i])
			if id == bellID {
				rung, over = l.answerBell(rung)
				continue
			}
			if c := l.conn(id); c != nil {
				c.happened(events[i].Events)
			}
		}
		for i, c := range rung {
			c.call()
			rung[i] = nil
		}
		rung = rung[:0]
		if l.end != nil {
			l.end()
		}
		if over {
			l.release()
			return
		}
	}
}

// answerBell takes the connections that were rung for, and tells whether they are the
// last.
func (l *Loop) answerBell(into []*Conn) (rung []*Conn, over bool) {
	var count [8]byte
	// It is not blocking, and has something: nothing can be wrong.
	_, _ = syscall.Read(l.bell, count[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	rung = append(into, l.rung...)
	clear(l.rung)
	l.rung = l.rung[:0]
	return rung, l.over
}

// ring wakes the loop and has the handler of c called; without c it ends the loop.
func (l *Loop) ring(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return
	}
	if c != nil {
		l.rung = append(l.rung, c)
	} else {
		l.over = true
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = syscall.Write(l.bell, one[:]) // full means that it rings already
}

// release gives back what the loop took from the system.
func (l *Loop) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	_ = syscall.Close(l.epoll)
	_ = syscall.Close(l.bell)
}

func (l *Loop) conn(id uint64) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[id]
}

// add gives c its id.
func (l *Loop) add(c *Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.lastID++
	c.id = l.lastID
	l.conns[c.id] = c
	return nil
}

func (l *Loop) remove(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c.id)
}

// control tells the kernel what to watch a descriptor for. The id comes back with
// the events.
func (l *Loop) control(op, fd int, id uint64, events uint32) error {
	e := syscall.EpollEvent{Events: events, Fd: int32(id), Pad: int32(id >> 32)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.epoll, op, fd, &e))
}

func idOf(e *syscall.EpollEvent) uint64 {
	return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
}
