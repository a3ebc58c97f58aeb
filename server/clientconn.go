package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// clientConn serves one client connection. One goroutine at a time reads its requests,
// its own or an event loop's, and answers reads in place; replies to writes come from
// the protocol loop.
type clientConn struct {
	f        *front
	conn     net.Conn
	frames   *wire.FrameReader
	client   clientName
	inFlight atomic.Int64
	touched  bool // belongs to the owner of the replica's turn
	stale    bool // the client accepts stale reads

	streaming atomic.Bool // stream is set
	asks      func()      // called at the first request, and nil from then on
	parks     bool        // the reader's: it has handed on a read that may wait
	limited   bool        // the reader's: the connection's read deadline is set
	looped    bool        // the reader's: a loop reads the connection

	underWay atomic.Int64  // what the client's writes that are not answered cost, see chargeOf
	room     chan struct{} // full when underWay may have become less

	// Requests of this burst that the protocol loop has to see.
	writes  []clientWrite
	offered int // of them, to the turnstile, by trySubmit

	mu     sync.Mutex // guards what follows
	out    *nbio.Writer
	stream *feed // after RequestSubscribe all output goes through it
	err    error
}

type clientWrite struct {
	id  uint64
	raw []byte // in the reader's buffer, until the next read
}

// newClientConn returns what serves conn. asks is called once it has a request.
func newClientConn(f *front, conn net.Conn, asks func()) *clientConn {
	limit := f.cfg.MaxValueBytes + wire.MaxKeyBytes + wire.RequestOverheadBytes
	c := &clientConn{
		f:    f,
		conn: conn,
		asks: asks,
		room: make(chan struct{}, 1),
		out: nbio.NewWriter(conn, nbio.Limits{
			MaxBuffered: f.cfg.MaxUnreadBytes, Patience: readerPatience, Shared: &f.unread,
		}),
	}
	c.frames = wire.NewFrameReader(c, uint32(limit))
	return c
}

// serve reads requests until the connection breaks.
func (c *clientConn) serve() {
	err := c.readRequests()
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.f.log.Debug("client connection ends", "remote", c.conn.RemoteAddr(), "err", err)
	}
	c.close()
	if c.parks {
		c.f.turns.post(func(m *member.Member) { m.Forget(c) })
	}
}

func (c *clientConn) readRequests() error {
	loopConn, ok := c.conn.(*evloop.Conn)
	c.looped = ok
	for {
		var err error
		if ok {
			loopConn.Serve(func() bool {
				var waits bool
				waits, err = c.loopBurst()
				return err == nil && !waits
			})
		} else {
			err = c.burst()
		}
		if err == nil {
			err = c.finishBurst()
		}
		if err != nil {
			return err
		}
	}
}

// loopBurst is burst within the loop. It tells that what is left of the burst has to
// wait for something, which must be done elsewhere. It leaves the connection with the
// limit for what comes next.
func (c *clientConn) loopBurst() (waits bool, err error) {
	if waits, err = c.takeBursts(); err != nil {
		return waits, err
	}
	if within := !waits && c.frames.Partial(); within || c.limited {
		err = c.limitRead(within)
	}
	return waits, err
}

func (c *clientConn) takeBursts() (waits bool, err error) {
	for {
		err := c.burst()
		if err == wire.ErrAgain { //nolint:errorlint // as Read returns it
			return false, nil
		}
		if err != nil || !c.trySubmit() || c.tooFarBehind() {
			return err == nil, err
		}
		c.flushReplies()
		if !c.frames.Buffered() {
			return false, nil
		}
	}
}

// burst takes the requests that one read brings, or some of them if the client is
// far behind with the replies.
func (c *clientConn) burst() error {
	for {
		kind, body, err := c.frames.Next()
		if err != nil {
			return err
		}
		if c.asks != nil {
			c.asks()
			c.asks = nil
		}
		if kind != wire.FrameRequest {
			return fmt.Errorf("%w: frame of kind %d from a client", wire.ErrMalformed, kind)
		}
		req, err := wire.DecodeRequest(body)
		if err != nil {
			return err
		}
		if c.inFlight.Add(1) > int64(c.f.cfg.MaxInFlight) {
			return fmt.Errorf("server: more than %d requests in flight on one connection", c.f.cfg.MaxInFlight)
		}
		c.take(&req)
		if !c.frames.Buffered() || c.tooFarBehind() {
			return nil
		}
	}
}

// finishBurst hands on what a burst brought, and waits until more is welcome.
func (c *clientConn) finishBurst() error {
	c.submitWrites()
	c.flushReplies()
	return c.awaitReader()
}

// take answers a request in place if it can, and hands it on if not. The
// request's bytes are in the reader's buffer.
func (c *clientConn) take(req *wire.Request) {
	if !c.f.reader.Serves() && !c.answersWithoutLease(req.Kind) {
		c.reply(&wire.Reply{ID: req.ID, Status: wire.StatusUnavailable})
		return
	}
	switch req.Kind {
	case wire.RequestGet:
		if s := c.f.reader.State(); s.Applied() >= req.Position {
			reply := member.GetReply(s.Get(req.Key))
			reply.ID = req.ID
			c.reply(&reply)
			return
		}
		p := c.parked(req)
		c.post(req.ID, func(m *member.Member) { m.Park(p) })
	case wire.RequestWrite:
		if refusal := c.f.reader.Refuse(req.Command.Op.Operation()); refusal != nil {
			reply := refusal.Reply()
			reply.ID = req.ID
			c.reply(&reply)
			return
		}
		if c.f.reader.Leaving() {
			c.reply(&wire.Reply{ID: req.ID, Status: wire.StatusUnavailable})
			return
		}
		raw := req.RawCommand
		if req.Command.Op == wire.OpOpenSession {
			raw = c.f.openSession(c.client).Append(nil)
		}
		c.writes = append(c.writes, clientWrite{id: req.ID, raw: raw})
		return
	case wire.RequestPing:
		c.reply(&wire.Reply{ID: req.ID, Position: c.f.reader.State().Applied()})
	default:
		c.takeRare(req)
	}
}

// answersWithoutLease reports whether a request of this kind is answered by a
// member that has no lease: a question for its status is, and so is a plain read
// if the client accepts that it may be stale.
func (c *clientConn) answersWithoutLease(kind wire.RequestKind) bool {
	return c.f.reader.InView() && (kind == wire.RequestStatus || c.stale && (kind == wire.RequestGet || kind == wire.RequestList))
}

// takeRare takes the requests whose answer needs the protocol loop.
func (c *clientConn) takeRare(req *wire.Request) {
	id := req.ID
	switch req.Kind {
	case wire.RequestGetStrong, wire.RequestBarrier:
		p := c.parked(req)
		p.Nothing = req.Kind == wire.RequestBarrier
		c.post(id, func(m *member.Member) { m.ReadStrong(p) })
	case wire.RequestList:
		p := c.parked(req)
		p.Reached, p.Stale = c.f.list, c.stale
		c.post(id, func(m *member.Member) { m.Park(p) })
	case wire.RequestStatus:
		c.post(id, func(m *member.Member) {
			status := c.f.status(m)
			c.reply(&wire.Reply{ID: id, Position: status.Position, Data: status.encode()})
			c.f.touch(c)
		})
	case wire.RequestDigest:
		p := c.parked(req)
		c.post(id, func(m *member.Member) { m.Digest(p) })
	case wire.RequestSubscribe:
		c.post(id, func(m *member.Member) { c.subscribe(m, id) })
	default:
		c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest})
	}
}

// parked copies a read out of the reader's buffer.
func (c *clientConn) parked(req *wire.Request) *member.Read {
	c.parks = true
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = member.DefaultTimeout
	}
	return &member.Read{
		Ticket: member.Ticket{Waiter: c, Tag: req.ID}, Position: req.Position, Key: string([]byte(req.Key)),
		Deadline: c.f.reader.Clock().Steady() + timeout,
	}
}

func (c *clientConn) post(id uint64, fn func(*member.Member)) {
	if !c.f.turns.post(fn) {
		c.reply(&wire.Reply{ID: id, Status: wire.StatusUnavailable})
	}
}
