package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// errClosed is why calls fail on a connection that Close has closed.
var errClosed = errors.New("client: the connection is closed")

// Conn is a connection to a node. It implements wire.Conn.
type Conn struct {
	nc      net.Conn
	passage passage     // of nc
	try     *nbio.Tryer // of nc, for who has set out.flushing
	info    wire.Info
	version uint16        // of the protocol
	timeout time.Duration // sent to the node when a context has no deadline
	tick    time.Duration // of the watchdog
	retired chan struct{} // closed once the connection takes no new requests
	workers sync.WaitGroup
	watches watches
	calls   sync.Pool // of *call

	mu       sync.Mutex // guards all below
	slots    slots
	out      outbox
	watchdog watchdog
	leaving  bool  // the node sent GoAway
	err      error // why the connection ended
}

var _ wire.Conn = (*Conn)(nil)

// newConn begins a connection after its handshake.
func newConn(nc net.Conn, info wire.Info, o Options) *Conn {
	limit := int(min(info.MaxInFlight, maxSlots))
	if limit == 0 {
		limit = maxSlots
	}
	if o.MaxInFlight > 0 {
		limit = min(limit, o.MaxInFlight)
	}
	// One request is kept for the watchdog's ping.
	info.MaxInFlight = uint32(max(limit-1, 1))
	c := &Conn{
		nc:      nc,
		passage: passage{Conn: nc},
		try:     nbio.NewTryer(nc),
		info:    info,
		timeout: o.Timeout,
		tick:    o.PingInterval / ticksPerPing,
		retired: make(chan struct{}),
		slots:   slots{limit: int(info.MaxInFlight)},
	}
	c.workers.Go(c.read)
	return c
}

// Info is what the node is, by its answer in the handshake, except that MaxInFlight is the
// bound that this connection keeps.
func (c *Conn) Info() wire.Info { return c.info }

// Retired is closed once the connection takes no new requests: the node is
// leaving, and answers those in flight, or the connection has broken.
func (c *Conn) Retired() <-chan struct{} { return c.retired }

// Get reads key at or after position. The data is the caller's.
func (c *Conn) Get(ctx context.Context, key string, position uint64, strong bool) (wire.Reply, error) {
	r := wire.Request{Kind: wire.RequestGet, Key: key, Position: position}
	if strong {
		r.Kind = wire.RequestGetStrong
	}
	return c.roundTrip(ctx, &r)
}

// Write submits a command and waits for its result. It keeps nothing of cmd.
func (c *Conn) Write(ctx context.Context, position uint64, cmd wire.Command) (wire.Reply, error) {
	if cmd.Op == wire.OpTxn && c.info.MaxTxnBytes == 0 {
		return c.unsupported("transactions"), nil
	}
	return c.roundTrip(ctx, &wire.Request{Kind: wire.RequestWrite, Command: cmd, Position: position})
}

// Ping makes a round trip to the node.
func (c *Conn) Ping(ctx context.Context) error {
	reply, err := c.roundTrip(ctx, &wire.Request{Kind: wire.RequestPing})
	if err != nil {
		return err
	}
	return statusError("ping", reply)
}

// Close ends the connection. Calls in flight return errors. It waits for the
// connection's goroutines.
func (c *Conn) Close() error {
	err := c.fail(errClosed)
	c.workers.Wait()
	return err
}

// roundTrip sends r and waits for its reply.
func (c *Conn) roundTrip(ctx context.Context, r *wire.Request) (wire.Reply, error) {
	if err := ctx.Err(); err != nil {
		return wire.Reply{}, notSent(err)
	}
	r.Timeout = c.timeout
	if deadline, ok := ctx.Deadline(); ok {
		r.Timeout = max(time.Until(deadline), 1)
	}
	call := c.newCall()
	flush, err := c.send(ctx, r, call)
	if err != nil {
		c.recycle(call)
		return wire.Reply{}, err
	}
	if flush {
		// Let goroutines that can send now do so: that makes one write of many.
		runtime.Gosched()
		c.flush()
	}
	return c.wait(ctx, call)
}

// wait waits for the reply of call, which it recycles.
func (c *Conn) wait(ctx context.Context, call *call) (wire.Reply, error) {
	defer c.recycle(call)
	select {
	case <-call.done:
	case <-ctx.Done():
		if c.abandon(call) {
			return wire.Reply{}, ctx.Err()
		}
		// The reply was quicker.
		<-call.done
	}
	return call.reply, call.err
}

// send puts r into the outbox, and call into a slot to wait for its reply. It
// waits for a slot while all are taken. If flush is true, the caller must flush.
func (c *Conn) send(ctx context.Context, r *wire.Request, call *call) (flush bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err := c.refusesLocked(); err != nil {
			return false, notSent(err)
		}
		if c.slots.available() {
			break
		}
		turn := c.slots.queue()
		c.mu.Unlock()
		select {
		case <-turn:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			c.slots.leave(turn)
			return false, notSent(ctx.Err())
		}
	}
	r.ID = c.slots.take(call)
	return c.enqueueLocked(r, call), nil
}

// refusesLocked says why the connection takes no new requests, nil if it does.
func (c *Conn) refusesLocked() error {
	if c.err != nil {
		return c.err
	}
	if c.leaving {
		return fmt.Errorf("client: node %s is leaving", c.info.NodeID)
	}
	return nil
}

// abandon gives up waiting for the reply of call. It reports false if the reply
// has come, or the connection has failed, in the meantime.
func (c *Conn) abandon(call *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots.abandon(call)
}

// fail ends the connection because of cause, once.
func (c *Conn) fail(cause error) error {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil
	}
	c.err = cause
	c.retireLocked()
	c.watchdog.stop()
	var settled outcomes
	c.slots.failAll(cause, c.out.begun, &settled)
	c.mu.Unlock()
	err := c.nc.Close()
	settled.tell()
	c.watches.end()
	return err
}

// retireLocked closes retired, once.
func (c *Conn) retireLocked() {
	select {
	case <-c.retired:
	default:
		close(c.retired)
	}
}

// notSent marks an error as that of a request which did not reach the node.
func notSent(cause error) error {
	return fmt.Errorf("%w: %w", wire.ErrNotSent, cause)
}

// statusError turns a reply that is not OK into an error.
func statusError(what string, reply wire.Reply) error {
	if reply.Status == wire.StatusOK {
		return nil
	}
	return &StatusError{what, reply.Status, string(reply.Data)}
}

// StatusError is the error of a request that a node has answered with a status other
// than OK.
type StatusError struct {
	what   string
	Status wire.Status
	Text   string // the node's, for people; may be empty
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("client: %s: the node answers with status %d: %s", e.what, e.Status, e.Text)
}
