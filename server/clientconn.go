package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A client that has begun a frame, whose beginning takes memory, must send it at frameRate
// bytes a second at least, and may take framePatience more.
const (
	framePatience = 30 * time.Second
	frameRate     = 64 << 10
)

// visitBytes is how much a loop reads from a connection in a round. Links of members, and
// other clients, come next.
const visitBytes = 64 << 10

// clientConn serves one client connection. One goroutine at a time reads its requests,
// its own or an event loop's, and answers reads in place; replies to writes come from
// the protocol loop.
type clientConn struct {
	f        *front
	conn     net.Conn
	frames   *wire.FrameReader
	client   clientName
	inFlight atomic.Int64
	touched  bool           // belongs to the owner of the replica's turn
	watches  bool           // so does this: it has watches
	account  member.Account // and this: the reads that wait
	stale    bool           // the client accepts stale reads
	version  uint16         // of the protocol
	comfort  comfort

	streaming atomic.Bool // stream is set
	asks      func()      // called at the first request, and nil from then on
	parks     bool        // the reader's: it has handed on a read that may wait, or a write, for its session
	limited   bool        // the reader's: the connection's read deadline is set
	began     time.Time   // the reader's: when it first saw the frame that is not complete, zero: not yet
	looped    bool        // the reader's: a loop reads the connection
	visit     int         // the reader's, in a loop: bytes that it may still read in this round

	underWay atomic.Int64  // what the client's writes that are not answered cost, see chargeOf
	calls    atomic.Int64  // what its requests that wait for a turn count for, the dear ones under way, and refusals
	refused  atomic.Int64  // what of that is for refusals of what no client may have
	crowded  atomic.Int64  // and for those of too many sessions
	suspect  atomic.Bool   // it has asked for something in a session of another client
	room     chan struct{} // full when one of these may have become less

	// Requests of this burst that the protocol loop has to see.
	writes  []clientWrite
	offered int // of them, to the turnstile, by trySubmit

	mu     sync.Mutex // guards what follows
	out    *nbio.Writer
	stream *feed // after RequestSubscribe all output goes through it
	begun  int   // memory of a frame that is not complete, in bytes
	reads  int   // what its reads that wait cost, in bytes
	gone   bool  // begun and reads count no more
	err    error
}

type clientWrite struct {
	id      uint64
	session uint64 // that it names, 0: none
	dear    bool
	raw     []byte // in the reader's buffer, until the next read
}

// newClientConn returns what serves conn. asks is called once it has a request.
func newClientConn(f *front, conn net.Conn, asks func()) *clientConn {
	c := &clientConn{
		f:    f,
		conn: conn,
		asks: asks,
		room: make(chan struct{}, 1),
		out: nbio.NewWriter(conn, nbio.Limits{
			MaxBuffered: f.cfg.MaxUnreadBytes, Patience: readerPatience, Shared: &f.memory,
		}),
	}
	c.account.Changed = c.readsWait
	c.frames = wire.NewFrameReader(c, uint32(f.cfg.maxRequestBytes()))
	c.frames.Refuse(c.refusesFrame)
	return c
}

// serve reads requests until the connection breaks.
func (c *clientConn) serve() {
	err := c.readRequests()
	c.keepNothing()
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.f.log.Debug("client connection ends", "remote", c.conn.RemoteAddr(), "err", err)
	}
	c.close()
	if c.parks {
		c.f.turns.post(func(m *member.Member) { c.forgotten(m) })
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
	c.visit = visitBytes
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
		if err == wire.ErrRefused { //nolint:errorlint // as Next returns it
			c.began = time.Time{} // what is dropped of it has a time of its own
			return nil
		}
		if err != nil {
			return err
		}
		if !c.began.IsZero() { // it is complete
			c.began = time.Time{}
			c.frameBegun(0)
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

// Read reads from the connection for the frame reader: without limit between
// frames, and not for ever within one. A loop's connection was told before: see
// loopBurst.
func (c *clientConn) Read(b []byte) (int, error) {
	if within := c.frames.Partial(); !c.looped && (within || c.limited) {
		if err := c.limitRead(within); err != nil {
			return 0, err
		}
	}
	if c.looped {
		if c.visit == 0 {
			return 0, wire.ErrAgain // the loop comes back
		}
		b = b[:min(len(b), c.visit)]
	}
	n, err := c.conn.Read(b)
	c.visit -= n
	if errors.Is(err, evloop.ErrWouldBlock) {
		err = wire.ErrAgain
	}
	return n, err
}

// limitRead sets the read deadline for the frame that has begun, or lifts it, unless the
// connection was given up by one. It counts the memory of the frame.
func (c *clientConn) limitRead(set bool) error {
	arrived, memory := c.frames.Begun()
	deadline := time.Time{}
	if set {
		if c.began.IsZero() {
			c.began = time.Now()
		}
		deadline = c.began.Add(c.f.cfg.framePatience + time.Duration(arrived)*time.Second/frameRate)
	} else if !c.frames.Partial() {
		c.began = time.Time{} // a frame that was refused is over
	}
	c.limited = set
	err := c.limitFrame(deadline, memory)
	c.f.cutMost()
	return err
}

func (c *clientConn) limitFrame(deadline time.Time, memory int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.countLocked(&c.begun, memory)
	return c.conn.SetReadDeadline(deadline)
}
