package sim

import (
	"slices"
	"time"
)

// network is what lies between the sites: delays, and cuts in one direction or
// both.
type network struct {
	w       *world
	sites   int
	blocked []uint8         // [from*sites+to]: so many faults cut this direction
	slow    []time.Duration // [from*sites+to]: delay on top
	stalled []stalled
}

// stalled is a direction of a connection in which bytes wait for a cut to heal,
// as TCP has them wait.
type stalled struct {
	c  *conn
	to int
}

func (n *network) begin(w *world, sites int) {
	n.w, n.sites = w, sites
	n.blocked = make([]uint8, sites*sites)
	n.slow = make([]time.Duration, sites*sites)
}

func (n *network) cut(from, to int) bool { return n.blocked[from*n.sites+to] > 0 }

func (n *network) block(from, to int) {
	if from != to {
		n.blocked[from*n.sites+to]++
	}
}

func (n *network) unblock(from, to int) {
	if from == to {
		return
	}
	n.blocked[from*n.sites+to]--
	if n.cut(from, to) {
		return
	}
	waiting := n.stalled
	n.stalled = nil
	for _, s := range waiting {
		if s.c.ends[1-s.to].site == from && s.c.ends[s.to].site == to {
			s.c.ends[s.to].scheduled = true
			n.w.after(n.delay(from, to), func() { s.c.arrive(s.to) })
		} else {
			n.stalled = append(n.stalled, s)
		}
	}
}

// delay is how long the next bytes take from one site to another.
func (n *network) delay(from, to int) time.Duration {
	t := &n.w.traits
	d := t.latency + upTo(n.w.wires, t.jitter)
	if t.spikes > 0 && chance(n.w.wires, t.spikes) {
		d += upTo(n.w.wires, t.spike)
	}
	return d + n.slow[from*n.sites+to]
}

// conn is a connection: in each direction what is sent arrives in order, or not
// at all. End 0 is the one that has dialled.
type conn struct {
	w     *world
	ends  [2]end
	bound *replica // of a client's connection: the incarnation that serves it
}

// end is one end of a connection, and what is on its way to it.
type end struct {
	site      int
	p         *process // nil: a client's
	queue     []item
	at        int // of the oldest item
	last      time.Duration
	scheduled bool
	closed    bool // takes nothing any more
	onData    func([]byte)
	room      func(int) // so much was read at the other end
	onClose   func()
}

// item is what arrives: bytes, or whatever else; or the end of the connection.
type item struct {
	at   time.Duration
	data []byte
	what func()
	fin  bool
}

// connect makes a connection from a site to a process, without waiting: what is
// sent on it takes the time of the way.
func (w *world) connect(site int, from *process, to *process) *conn {
	c := &conn{w: w}
	c.ends[0].site, c.ends[0].p = site, from
	c.ends[1].site, c.ends[1].p = to.site, to
	for i := range c.ends {
		if p := c.ends[i].p; p != nil {
			p.addConn(c)
		}
	}
	return c
}

func (c *conn) send(to int, what func()) { c.push(to, item{what: what}) }

func (c *conn) write(to int, data []byte) { c.push(to, item{data: data}) }

func (c *conn) push(to int, it item) {
	if c.ends[1-to].closed && !it.fin {
		return
	}
	e := &c.ends[to]
	it.at = max(e.last, c.w.now+c.w.network.delay(c.ends[1-to].site, e.site))
	e.last = it.at
	e.queue = append(e.queue, it)
	if !e.scheduled {
		e.scheduled = true
		c.w.at(it.at, func() { c.arrive(to) })
	}
}

// arrive hands over the oldest item, unless the way is cut now.
func (c *conn) arrive(to int) {
	e := &c.ends[to]
	e.scheduled = false
	if e.at == len(e.queue) {
		return
	}
	if n := &c.w.network; n.cut(c.ends[1-to].site, e.site) {
		n.stalled = append(n.stalled, stalled{c, to})
		e.scheduled = true
		return
	}
	it := e.queue[e.at]
	e.queue[e.at] = item{}
	e.at++
	if e.at == len(e.queue) {
		e.queue, e.at = e.queue[:0], 0
	} else {
		e.scheduled = true
		c.w.at(max(e.queue[e.at].at, c.w.now), func() { c.arrive(to) })
	}
	if e.p != nil {
		e.p.do(func() { c.take(to, it) })
	} else {
		c.take(to, it)
	}
}

func (c *conn) take(to int, it item) {
	e := &c.ends[to]
	switch {
	case e.closed:
	case it.fin:
		c.finish(to)
	case it.what != nil:
		it.what()
	case e.onData != nil:
		e.onData(it.data)
	}
}

// finish tells an end that the connection is over.
func (c *conn) finish(to int) {
	e := &c.ends[to]
	if e.closed {
		return
	}
	e.closed = true
	if e.p != nil {
		e.p.dropConn(c)
	}
	if e.onClose != nil {
		e.onClose()
	}
}

// close ends the connection from one end. What that end has sent still arrives;
// what is on its way to it does not.
func (c *conn) close(by int) {
	e := &c.ends[by]
	if e.closed {
		return
	}
	e.closed = true
	if e.p != nil {
		e.p.dropConn(c)
	}
	c.push(1-by, item{fin: true})
}

// tear loses what is on its way to an end from a random point on, which may lie
// within the bytes of one write.
func (c *conn) tear(to int) {
	e := &c.ends[to]
	left := len(e.queue) - e.at
	if left == 0 {
		return
	}
	keep := c.w.faults.IntN(left + 1)
	if keep < left {
		next := e.queue[e.at+keep]
		if len(next.data) > 1 {
			next.data = next.data[:c.w.faults.IntN(len(next.data))]
			e.queue[e.at+keep] = next
			keep++
		}
	}
	clear(e.queue[e.at+keep:])
	e.queue = e.queue[:e.at+keep]
}

// reset breaks the connection for both ends. They notice when what is left of it
// has come.
func (c *conn) reset() {
	for to := range c.ends {
		c.tear(to)
		if !c.ends[to].closed {
			c.push(to, item{fin: true})
		}
	}
}

// keepAlive is after how many detection times a system gives a connection up whose
// other end is silent.
const keepAlive = 20

// die is the end of the process at one end: what it has sent arrives up to some
// point. Without a word the other end learns of it much later, from its system.
func (c *conn) die(by int, word bool) {
	c.ends[by].closed = true
	c.tear(1 - by)
	silence := time.Duration(0)
	if !word {
		silence = keepAlive * c.w.traits.detection
	}
	c.w.after(silence, func() {
		if !c.ends[1-by].closed {
			c.push(1-by, item{fin: true})
		}
	})
}

// addConn and dropConn keep a process's list of its connections.
func (p *process) addConn(c *conn) { p.conns = append(p.conns, c) }

func (p *process) dropConn(c *conn) {
	if i := slices.Index(p.conns, c); i >= 0 {
		p.conns = slices.Delete(p.conns, i, i+1)
	}
}
