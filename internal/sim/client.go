package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// client is a handle of the driver: one session with several operations at a
// time. What it decides is package session.
type client struct {
	w      *world
	site   int
	number int

	bound             uint64 // generation, 0: none yet
	seen              uint64
	session           session.Session
	opening, renewing bool
	ticking           bool // the stream's time is looked at
	pumpWaits         bool // for a connection

	server   int // index of the host it stays with
	conn     *wires.Conn
	info     uint64 // generation that the connection belongs to
	dialing  bool
	failures int // in a row, to connect

	active   []*operation
	waiting  []*operation // for a connection
	unopened []*operation // that wait for a session
	values   uint64
	stream   session.Stream[*operation, *attempt]
	attempts []*attempt   // at the stream's writes, that may be answered
	roomless []*operation // that wait for room in the stream
	issued   numbered     // the last write through the stream
	version  uint64       // that an operation was told last
}

// clientConn is a node's end of a client's connection.
type clientConn struct {
	conn  *wires.Conn
	reads []*waiter // that wait
}

func newClient(w *world, number, site int) *client {
	c := &client{w: w, number: number, site: site, server: w.users.IntN(w.traits.nodes)}
	c.stream.Session = &c.session
	c.pump()
	return c
}

func (c *client) String() string { return fmt.Sprintf("client %d", c.number) }

// next begins operations, as long as the run has not come to its end.
func (c *client) next() {
	w := c.w
	if w.draining {
		return
	}
	think := w.traits.think
	if w.healed {
		think = max(think, w.traits.detection/2)
	}
	w.After(time.Duration(w.users.ExpFloat64()*float64(think)), c.next)
	if c.underWay(false) < w.traits.depth {
		c.begin()
	}
	c.beginAsync()
}

// underWay is how many operations have not ended that somebody waits for, also
// behind asynchronous ones, or that nobody does.
func (c *client) underWay(async bool) (n int) {
	for _, op := range c.active {
		if op.async == async {
			n++
		}
	}
	return n
}

// connect makes a connection to the server the client stays with, or the next.
func (c *client) connect() {
	if c.dialing || c.conn != nil {
		return
	}
	c.dialing = true
	w := c.w
	h := w.hosts[c.server]
	var conn *wires.Conn
	settled := false
	failed := func() {
		if settled {
			return
		}
		settled = true
		if conn != nil {
			conn.Close(0)
		}
		c.elsewhere()
		c.failures++
		w.After(session.Backoff(c.failures, w.users.Float64()), func() {
			c.dialing = false
			waiting := c.waiting
			c.waiting = nil
			for _, op := range waiting {
				op.noReply(true)
			}
			if c.pumpWaits {
				c.connect()
			}
		})
	}
	if h.run == nil {
		w.After(w.traits.latency, failed)
		return
	}
	conn = w.connect(c.site, nil, h.run)
	p := h.run
	conn.Ends[0].OnClose = failed
	w.After(w.traits.patience, failed)
	conn.Send(1, func() {
		r := p.current
		if r == nil || r.over || !r.reader.Serves() {
			conn.Close(1)
			return
		}
		r.clients = append(r.clients, &clientConn{conn: conn})
		w.bound[conn] = r
		conn.Ends[1].OnClose = func() { r.forget(conn) }
		generation := r.generation
		conn.Send(0, func() {
			if settled {
				return
			}
			settled = true
			c.connected(conn, generation)
		})
	})
}

// connected takes a connection into use, if it is not of an older generation.
func (c *client) connected(conn *wires.Conn, generation uint64) {
	c.dialing, c.failures = false, 0
	waiting := c.waiting
	c.waiting = nil
	if generation < c.bound {
		conn.Close(0)
		c.elsewhere()
		for _, op := range waiting {
			op.noReply(true)
		}
		if c.pumpWaits {
			c.connect()
		}
		return
	}
	c.conn, c.info = conn, generation
	conn.Ends[0].OnClose = func() {
		if c.conn == conn {
			c.conn = nil
			c.elsewhere()
		}
		for _, op := range slices.Clone(c.active) {
			if op.on == conn && !op.piped {
				op.noReply(false)
			}
		}
		for _, a := range slices.Clone(c.attempts) {
			if a.conn == conn {
				c.lost(a)
			}
		}
	}
	for _, op := range waiting {
		op.attempt()
	}
	if c.pumpWaits {
		c.pumpWaits = false
		c.pump()
	}
}

func (c *client) elsewhere() {
	if n := len(c.w.hosts); n > 1 {
		c.server = (c.server + 1 + c.w.users.IntN(n-1)) % n
	}
}

// fail gives up the connection that an attempt was made on.
func (c *client) fail(on *wires.Conn) {
	if c.conn == on && on != nil {
		c.conn = nil
		c.elsewhere()
	}
}

// bind sees to it that the client's session is of its connection's generation.
// It is false for an operation of a session whose generation is gone.
func (c *client) bind(op *operation) bool {
	if c.bound != c.info {
		blank := c.seen == 0 && c.session.Blank()
		if c.bound != 0 && !blank {
			c.w.counts.Lost++
		}
		c.bound, c.seen, c.session = c.info, 0, session.Session{}
		c.estrange()
	}
	if op != nil && op.generation == 0 {
		op.generation = c.bound
	}
	return op == nil || op.generation == c.bound
}

// variableName names a variable.
func variableName(n int) string { return string(rune('k' + n)) }

// key names one of the variables. Some are counters.
func (c *client) key() (key string, counter bool) {
	n := c.w.users.IntN(c.w.traits.keys)
	return variableName(n), n%2 == 1
}

// padding makes values longer.
var padding [64]byte

// command is a random write.
func (c *client) command() wire.Command {
	key, counter := c.key()
	c.values++
	switch {
	case counter:
		return wire.Command{Op: wire.OpAdd, Key: key, Delta: 1}
	case c.w.users.IntN(10) == 0:
		return wire.Command{Op: wire.OpDelete, Key: key}
	}
	value := strconv.AppendInt(make([]byte, 0, 16+c.w.traits.valueBytes), int64(c.number), 10)
	value = strconv.AppendUint(append(value, '.'), c.values, 10)
	value = append(value, padding[:c.w.traits.valueBytes]...)
	if c.w.users.IntN(4) == 0 {
		return wire.Command{Op: wire.OpCompareAndSet, Key: key, Value: value, Expect: c.version}
	}
	return wire.Command{Op: wire.OpSet, Key: key, Value: value}
}
