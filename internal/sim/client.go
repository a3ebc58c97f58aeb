package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
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

	program, random *rand.Rand // for what it asks for, and for all else
	txns            *rand.Rand // for its transactions
	steps           int        // of the program that were begun

	state             *clientState
	opening, renewing bool
	ticking           bool // the stream's time is looked at
	pumpWaits         bool // for a connection

	servers session.Servers
	pace    session.Pace
	race    *session.Race // for a connection; nil: none
	slow    int           // number of the race's timer
	paced   bool          // until a connection may be made
	conn    *wires.Conn
	server  string // that it goes to
	since   time.Time
	info    uint64 // generation that the connection belongs to

	active   []*operation
	waiting  []*operation // for a connection
	unopened []*operation // that wait for a session
	values   uint64
	stream   session.Stream[*operation, *attempt]
	attempts []*attempt   // at the stream's writes, that may be answered
	roomless []*operation // that wait for room in the stream
	issued   numbered     // the last write through the stream
	version  uint64       // that an operation was told last

	updates *rand.Rand // for its updates and conditions on ranges
	updated uint64     // updates that were begun
	scanned *wire.Cond // that a range is as its last scan has shown it; nil: there was none

	watches   *rand.Rand // for its watches and scans
	ttls      *rand.Rand // for its writes of variables that expire
	owns      *rand.Rand // for its session with a TTL of its own, and what that owns
	ownTTL    time.Duration
	keepingUp bool // a renewal of it is under way
	plainOnly bool // sessions with a TTL of their own are refused
	watchings []*watching
	numbers   uint64 // of watches, the latest
}

// clientState is what a client has seen and written in one generation.
type clientState struct {
	bound   uint64 // the generation, 0: none yet
	seen    uint64
	session session.Session
}

func (st *clientState) blank() bool { return st.seen == 0 && st.session.Blank() }

// clientConn is a node's end of a client's connection.
type clientConn struct {
	conn    *wires.Conn
	reads   []*waiter // that wait
	account member.Account
	sink    *sink
}

func newClient(w *world, number, site int) *client {
	c := &client{w: w, number: number, site: site}
	c.program, c.random = w.pair(ofClients, number)
	c.txns = source(w.seed, ofTxns+uint64(number))
	c.watches = source(w.seed, ofWatches+uint64(number))
	c.updates = source(w.seed, ofUpdates+uint64(number))
	c.ttls = source(w.seed, ofTTLs+uint64(number))
	c.owns = source(w.seed, ofOwners+uint64(number))
	c.drawTTL()
	c.enterGeneration(0)
	c.pump()
	return c
}

func (c *client) String() string { return fmt.Sprintf("client %d", c.number) }

// next begins operations, as long as the run has not come to its end.
func (c *client) next() {
	w := c.w
	if w.draining || w.options.Steps > 0 && !c.unfinished() {
		return
	}
	think := w.traits.think
	if w.healed {
		think = max(think, w.traits.detection/2, w.bearable())
	}
	w.After(time.Duration(c.random.ExpFloat64()*float64(think)), c.next)
	if w.options.Steps > 0 {
		c.step()
		return
	}
	if c.underWay(false) < w.traits.depth {
		c.begin()
	}
	c.beginAsync()
}

// step goes on with a program: what it asks for depends on nothing else that happens. What
// comes after asynchronous writes goes behind them.
func (c *client) step() {
	if c.underWay(false) < c.w.traits.depth && c.underWay(true) == 0 {
		c.steps++
		c.beginAsync()
		c.begin()
	}
}

// unfinished reports whether the client has a program, and has not begun all of it.
func (c *client) unfinished() bool { return c.steps < c.w.options.Steps }

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

// now is the time as package session has it.
func (c *client) now() time.Time { return time.Time{}.Add(c.w.Now) }

// candidates lists all servers, those to be tried first before the others.
func (c *client) candidates() (list []string) {
	for _, h := range c.w.hosts {
		list = append(list, h.id)
	}
	c.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	c.servers.Sort(list, c.now())
	return list
}

// connect makes a connection to the first server that answers well.
func (c *client) connect() {
	if c.race != nil || c.conn != nil || c.paced {
		return
	}
	w := c.w
	if wait := c.pace.Wait(c.now()); wait > 0 {
		c.paced = true
		w.After(wait, func() {
			c.paced = false
			c.reconnect()
		})
		return
	}
	race, wait := session.NewRace(c.candidates(), c.servers.Stays(), w.traits.latency)
	c.race = race
	c.slowAfter(wait)
	w.After(upTo(c.random, 2*session.ResolutionDelay), func() { // the search ends
		if c.race == race {
			if !w.registry.up {
				race.NotFound()
			}
			race.Searched(c.candidates())
			c.run()
		}
	})
	c.run()
}

// reconnect makes a connection if anything waits for one.
func (c *client) reconnect() {
	if len(c.waiting) > 0 || c.pumpWaits {
		c.connect()
	}
}

// slowAfter sets the timer of the race.
func (c *client) slowAfter(wait time.Duration) {
	c.slow++
	timer := c.slow
	c.w.After(wait, func() {
		if c.race != nil && c.slow == timer {
			c.race.Slow()
			c.run()
		}
	})
}

// run dials what the race wants to be dialled, and sees when nothing is left of it.
func (c *client) run() {
	if index, server, wait, ok := c.race.Start(); ok {
		c.slowAfter(wait)
		c.dial(c.race, index, server)
	}
	if c.race != nil && c.race.Over() {
		c.race = nil
		c.pace.Refused(c.now(), c.random.Float64())
		c.reconnect()
	}
}

// dial connects to a server, within the time of an attempt.
func (c *client) dial(race *session.Race, index int, server string) {
	w := c.w
	var conn *wires.Conn
	settled := false
	settle := func(relation session.Relation, generation uint64) {
		if settled {
			return
		}
		settled = true
		fate := session.Lame
		if c.race == race {
			var failed []string
			fate, failed = race.Dialled(index, relation)
			for _, server := range failed {
				c.failed(server)
			}
		}
		switch {
		case fate == session.Won:
			c.race = nil
			c.connected(conn, server, generation)
		case conn != nil:
			conn.Close(0)
		}
		if c.race != nil && c.race == race {
			c.run()
		}
	}
	unreached := func() { settle(session.Unreached, 0) }
	p := w.hosts[slices.IndexFunc(w.hosts, func(h *host) bool { return h.id == server })].run
	if p == nil {
		w.After(w.traits.latency, unreached)
		return
	}
	conn = w.connect(c.site, nil, p)
	conn.Ends[0].OnClose = unreached
	w.After(w.traits.patience, unreached)
	conn.Send(1, wires.GreetingBytes, func() {
		r := p.current
		if r == nil || r.over || !r.reader.Serves() {
			conn.Close(1)
			return
		}
		r.clients = append(r.clients, &clientConn{conn: conn, account: member.Account{Lock: c.lock()}, sink: &sink{conn: conn, client: c}})
		w.bound[conn] = r
		conn.Ends[1].OnClose = func() { r.forget(conn) }
		generation := r.generation
		conn.Send(0, wires.GreetingBytes, func() { settle(c.binding().Compare(session.Binding{Generation: generation}), generation) })
	})
}

// binding is what the client is bound to, nil if to nothing. Generations alone tell groups
// apart here: those of a registry that is replaced go on.
func (c *client) binding() *session.Binding {
	if c.state.bound == 0 {
		return nil
	}
	return &session.Binding{Generation: c.state.bound}
}

// connected takes a connection into use.
func (c *client) connected(conn *wires.Conn, server string, generation uint64) {
	c.servers.Chosen(server)
	c.conn, c.info, c.server, c.since = conn, generation, server, c.now()
	conn.Ends[0].OnClose = func() {
		c.fail(conn)
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
		for _, one := range slices.Clone(c.watchings) {
			if one.conn == conn {
				one.lost()
			}
		}
	}
	waiting := c.waiting
	c.waiting = nil
	for _, op := range waiting {
		op.attempt()
	}
	if c.pumpWaits {
		c.pumpWaits = false
		c.pump()
	}
}

// failed notes that a server did not do well.
func (c *client) failed(server string) {
	c.servers.Failed(server, len(c.w.hosts), c.now(), c.random.Float64())
}

// fail gives up the connection that an attempt was made on.
func (c *client) fail(on *wires.Conn) {
	if c.conn == on && on != nil {
		c.failed(c.server)
		c.pace.Lost(c.now(), c.now().Sub(c.since), c.random.Float64())
		c.conn = nil
	}
}

// begin begins a session in a generation.
func (c *client) enterGeneration(generation uint64) {
	c.state = &clientState{bound: generation}
	c.stream.Session = &c.state.session
}

// bind sees to it that the client's session is of its connection's generation.
func (c *client) bind() {
	if c.state.bound == c.info {
		return
	}
	if !c.state.blank() {
		c.w.counts.Lost++
	}
	c.enterGeneration(c.info)
	c.estrange()
}

// variableName names a variable.
func variableName(n int) string { return string(rune('k' + n)) }

// key names one of the variables. Some are counters.
func (c *client) key() (key string, counter bool) {
	n := c.program.IntN(c.w.traits.keys)
	return variableName(n), n%2 == 1
}

// padding makes values longer.
var padding [32 << 10]byte

// command is a random write.
func (c *client) command() wire.Command {
	if chance(c.txns, c.w.traits.txns) {
		return c.txn()
	}
	if chance(c.ttls, c.w.traits.ttls) {
		return c.timed()
	}
	if c.ownTTL > 0 && chance(c.owns, c.w.traits.owns) {
		return c.owning()
	}
	key, counter := c.key()
	c.values++
	switch {
	case counter:
		return wire.Command{Op: wire.OpAdd, Key: key, Delta: 1}
	case c.program.IntN(10) == 0:
		return wire.Command{Op: wire.OpDelete, Key: key}
	}
	value := strconv.AppendInt(make([]byte, 0, 16+c.w.traits.valueBytes), int64(c.number), 10)
	value = strconv.AppendUint(append(value, '.'), c.values, 10)
	value = append(value, padding[:c.w.traits.valueBytes]...)
	if c.program.IntN(4) == 0 {
		return wire.Command{Op: wire.OpCompareAndSet, Key: key, Value: value, Expect: c.version}
	}
	return wire.Command{Op: wire.OpSet, Key: key, Value: value}
}
