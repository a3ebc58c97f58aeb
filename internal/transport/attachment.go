package transport

import (
	"net"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

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
// the connection is not in use any more. It writes copies: what is kept may move
// while the write waits.
func (l *line) drain(a *attachment) {
	portion := make([]byte, nbio.PortionBytes)
	var end uint64 // of the last portion, in the link's stream
	nbio.WriteRest(a.conn, 0, func(written int, err error) []byte {
		l.mu.Lock()
		defer l.unlock()
		switch {
		case err != nil:
			l.end.Broke(a.number, err)
		case written > 0:
			l.end.Wrote(a.number, end)
		}
		size := 0
		if err == nil && l.cur == a {
			size = copy(portion, l.end.Unsent())
			end = l.end.Sent() + uint64(size)
		}
		a.writing = size > 0
		return portion[:size]
	})
}
