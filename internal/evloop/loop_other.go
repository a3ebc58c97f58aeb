//go:build !linux

package evloop

import "net"

// Loop does not exist here.
type Loop struct{}

// Conn does not exist here.
type Conn struct{ net.Conn }

// New returns ErrUnsupported.
func New(begin, end func()) (*Loop, error) { return nil, ErrUnsupported }

// Adopt returns ErrUnsupported.
func (*Loop) Adopt(net.Conn) (*Conn, error) { return nil, ErrUnsupported }

// Close does nothing.
func (*Loop) Close() {}

// Serve does nothing.
func (*Conn) Serve(func() bool) {}

// TryWrite writes nothing.
func (*Conn) TryWrite([]byte) (int, error) { return 0, nil }
