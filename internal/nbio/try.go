package nbio

import (
	"net"
	"syscall"
)

// NonBlocking is implemented by connections that know themselves how to write
// without waiting, such as connections within a process.
type NonBlocking interface {
	// TryWrite takes as much of b as it can at once and returns how much that
	// was. Being full is no error.
	TryWrite(b []byte) (int, error)
}

// Tryer writes to one connection without ever waiting for it. One goroutine
// uses it at a time, and none while another is inside the connection's Write:
// that one holds the descriptor, and TryWrite would wait for it.
type Tryer struct {
	own NonBlocking
	raw syscall.RawConn

	// The argument and the results of the call in progress, and the call
	// itself, made once: a closure for each write would be garbage for each.
	b    []byte
	n    int
	err  error
	once func(fd uintptr) bool
}

// NewTryer returns a Tryer for conn. It makes use of NonBlocking where conn
// has it, then of the descriptor. A connection that has neither, such as one
// that encrypts, takes nothing at once: its TryWrite returns 0, and the caller
// goes on with Write.
func NewTryer(conn net.Conn) *Tryer {
	t := &Tryer{}
	if own, ok := conn.(NonBlocking); ok {
		t.own = own
		return t
	}
	sc, ok := conn.(syscall.Conn)
	if !ok || !canTry {
		return t
	}
	// A connection that has no descriptor (any more) says so on Write.
	if raw, err := sc.SyscallConn(); err == nil {
		t.raw = raw
		t.once = t.writeOnce
	}
	return t
}

// TryWrite hands over what the connection takes of b at once and returns how
// much that was: less than len(b), or 0, without an error, when it is full.
func (t *Tryer) TryWrite(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case t.own != nil:
		return t.own.TryWrite(b)
	case t.raw == nil:
		return 0, nil
	}
	t.b, t.n, t.err = b, 0, nil
	err := t.raw.Write(t.once)
	t.b = nil
	if err == nil {
		err = t.err
	}
	return t.n, err
}

// writeOnce is called with the descriptor, and always reports that it is done:
// false would make the runtime wait for the socket.
func (t *Tryer) writeOnce(fd uintptr) bool {
	t.n, t.err = tryWriteFD(fd, t.b)
	return true
}
