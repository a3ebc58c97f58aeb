package client

import (
	"net"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/internal/nbio"
)

// passage counts the bytes that pass a connection. A large value on a slow link keeps it busy
// for longer than the watchdog waits, with the ping and its answer behind it.
type passage struct {
	net.Conn
	read, written atomic.Int64
}

func (p *passage) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.read.Add(int64(n))
	return n, err
}

// wrote notes that the connection has taken so many bytes.
func (p *passage) wrote(n int) { p.written.Add(int64(n)) }

// passed is how many bytes have come, and how many of the first so many have gone. What the
// node's machine has not acknowledged has not gone, where the system tells.
func (p *passage) passed(first int64) int64 {
	gone := p.written.Load() - int64(nbio.Unsent(p.Conn))
	return p.read.Load() + min(gone, first)
}
