package transport

import (
	"net"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// drainBytes is how much is handed at once to a connection that is full.
const drainBytes = 64 << 10

// attachment is a connection in use.
type attachment struct {
	l       *line
	conn    net.Conn
	number  uint64 // by which the link knows it
	try     *nbio.Tryer
	writing bool // drain runs, and only it writes; guarded by the line's lock

	// Of the one that reads:
	in     *link.Inbound
	frames *wire.FrameReader
	msgs   []isis.Message // reused for every call of Receive
	acks   []uint64       // of all of msgs
}

// use has a connection whose handshake is done carry the link until it ends. An error says
// that it could not. The caller is the only one that uses connections of this line.
func (l *line) use(conn net.Conn, number uint64) error {
	conn = l.n.adopt(conn)
	defer l.n.closeConn(conn)
	a, err := l.attach(conn, number)
	if err != nil {
		return err
	}
	l.log.Info("link up", "addr", conn.RemoteAddr().String())
	err = a.read()
	l.mu.Lock()
	l.end.Broke(number, err)
	err = l.end.Status().Broken // the reader may only have noticed what came of it
	l.unlock()
	l.log.Info("link down", "err", err)
	return nil
}

func (l *line) attach(conn net.Conn, number uint64) (*attachment, error) {
	l.mu.Lock()
	defer l.unlock()
	in, err := l.end.Attach(number, l.n.clock())
	if err != nil {
		return nil, err
	}
	a := &attachment{l: l, conn: conn, number: number, try: nbio.NewTryer(conn), in: in}
	a.frames = wire.NewFrameReader(a, uint32(l.n.cfg.MaxRecordBytes))
	l.cur = a
	return a, nil
}

// push writes what may be written, as far as the connection takes it. It is called with
// the lock held.
func (l *line) push() {
	a := l.cur
	if a == nil || a.writing {
		return
	}
	b := l.end.Unsent()
	if len(b) == 0 {
		return
	}
	n, err := a.try.TryWrite(b)
	l.end.Wrote(a.number, l.end.Sent()+uint64(n))
	switch {
	case err != nil:
		l.end.Broke(a.number, err)
	case n < len(b):
		a.writing = true
		l.n.running.Go(func() { l.drain(a) })
	}
}

// drain writes what a connection did not take at once, until nothing is left or
// the connection is not in use any more. It writes copies of a bounded size:
// what is kept may move while the write waits.
func (l *line) drain(a *attachment) {
	chunk := make([]byte, drainBytes)
	var err error
	l.mu.Lock()
	defer l.unlock()
	for err == nil && l.cur == a {
		size := copy(chunk, l.end.Unsent())
		if size == 0 {
			break
		}
		end := l.end.Sent() + uint64(size)
		l.unlock()
		_, err = a.conn.Write(chunk[:size])
		l.mu.Lock()
		if err == nil {
			l.end.Wrote(a.number, end)
		} else {
			l.end.Broke(a.number, err)
		}
	}
	a.writing = false
}
