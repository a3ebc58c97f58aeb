package wires

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Network is what lies between the sites: delays, and cuts in one direction or
// both.
type Network struct {
	Config
	blocked []uint8         // [from*Sites+to]: so many faults cut this direction
	slow    []time.Duration // [from*Sites+to]: delay on top
	stalled []stalled
}

// Config says what a network is like.
type Config struct {
	Time            *Time
	Delays, Tears   *rand.Rand // where it draws delays, and where a connection breaks off
	Sites           int
	Latency, Jitter time.Duration
	Spikes          float64 // chance of one
	Spike           time.Duration

	// KeepAlive is after how long a system gives a connection up whose other end is
	// silent.
	KeepAlive time.Duration
}

// NewNetwork returns a network that nothing cuts.
func NewNetwork(cfg Config) *Network {
	ways := cfg.Sites * cfg.Sites
	return &Network{Config: cfg, blocked: make([]uint8, ways), slow: make([]time.Duration, ways)}
}

// stalled is a direction of a connection in which bytes wait for a cut to heal,
// as TCP has them wait.
type stalled struct {
	c  *Conn
	to int
}

// Cut reports whether nothing passes from one site to another.
func (n *Network) Cut(from, to int) bool { return n.blocked[from*n.Sites+to] > 0 }

// CutAnywhere reports whether any way is cut.
func (n *Network) CutAnywhere() bool {
	return slices.ContainsFunc(n.blocked, func(faults uint8) bool { return faults > 0 })
}

// Slow makes a way slower by so much, or faster again.
func (n *Network) Slow(from, to int, by time.Duration) { n.slow[from*n.Sites+to] += by }

// Block cuts a way, once more if it is cut.
func (n *Network) Block(from, to int) {
	if from != to {
		n.blocked[from*n.Sites+to]++
	}
}

// Unblock ends one cut of a way.
func (n *Network) Unblock(from, to int) {
	if from == to {
		return
	}
	n.blocked[from*n.Sites+to]--
	if n.Cut(from, to) {
		return
	}
	waiting := n.stalled
	n.stalled = nil
	for _, s := range waiting {
		if s.c.Ends[1-s.to].Site == from && s.c.Ends[s.to].Site == to {
			s.c.Ends[s.to].scheduled = true
			n.Time.After(n.Delay(from, to), func() { s.c.arrive(s.to) })
		} else {
			n.stalled = append(n.stalled, s)
		}
	}
}

// Delay is how long the next bytes take from one site to another.
func (n *Network) Delay(from, to int) time.Duration {
	d := n.Latency + UpTo(n.Delays, n.Jitter)
	if n.Spikes > 0 && Chance(n.Delays, n.Spikes) {
		d += UpTo(n.Delays, n.Spike)
	}
	return d + n.slow[from*n.Sites+to]
}

// Conn is a connection: in each direction what is sent arrives in order, or not
// at all. End 0 is the one that has dialled.
type Conn struct {
	n    *Network
	Ends [2]End
}

// End is one end of a connection, and what is on its way to it.
type End struct {
	Site    int
	Owner   Owner // nil: a client
	Closed  bool  // takes nothing any more
	OnData  func([]byte)
	OnClose func()
	Room    func(int) // so much was read at the other end

	queue     []item
	at        int // of the oldest item
	last      time.Duration
	scheduled bool
}

// Owner is a process that has ends of connections.
type Owner interface {
	Do(what func()) // now, or once it goes on
	Ready() bool    // Do does what it is given at once
	AddConn(c *Conn)
	DropConn(c *Conn)
}

// item is what arrives: bytes, or whatever else; or the end of the connection.
type item struct {
	at   time.Duration
	data []byte
	what func()
	fin  bool
}

// Connect makes a connection between two sites, without waiting: what is sent on it takes
// the time of the way.
func (n *Network) Connect(from int, owner Owner, to int, other Owner) *Conn {
	c := &Conn{n: n}
	c.Ends[0].Site, c.Ends[0].Owner = from, owner
	c.Ends[1].Site, c.Ends[1].Owner = to, other
	for i := range c.Ends {
		if p := c.Ends[i].Owner; p != nil {
			p.AddConn(c)
		}
	}
	return c
}

// Send has something happen at an end once it has come there.
func (c *Conn) Send(to int, what func()) { c.push(to, item{what: what}) }

// Write writes bytes to an end.
func (c *Conn) Write(to int, data []byte) { c.push(to, item{data: data}) }

func (c *Conn) push(to int, it item) {
	if c.Ends[1-to].Closed && !it.fin {
		return
	}
	e := &c.Ends[to]
	it.at = max(e.last, c.n.Time.Now+c.n.Delay(c.Ends[1-to].Site, e.Site))
	e.last = it.at
	e.queue = append(e.queue, it)
	if !e.scheduled {
		e.scheduled = true
		c.n.Time.At(it.at, func() { c.arrive(to) })
	}
}

// arrive hands over the oldest item, unless the way is cut now.
func (c *Conn) arrive(to int) {
	e := &c.Ends[to]
	e.scheduled = false
	if e.at == len(e.queue) {
		return
	}
	if n := c.n; n.Cut(c.Ends[1-to].Site, e.Site) {
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
		c.n.Time.At(max(e.queue[e.at].at, c.n.Time.Now), func() { c.arrive(to) })
	}
	if e.Owner != nil && !e.Owner.Ready() {
		e.Owner.Do(func() { c.take(to, it) })
	} else {
		c.take(to, it)
	}
}

func (c *Conn) take(to int, it item) {
	e := &c.Ends[to]
	switch {
	case e.Closed:
	case it.fin:
		c.finish(to)
	case it.what != nil:
		it.what()
	case e.OnData != nil:
		e.OnData(it.data)
	}
}

// finish tells an end that the connection is over.
func (c *Conn) finish(to int) {
	e := &c.Ends[to]
	if e.Closed {
		return
	}
	e.Closed = true
	if e.Owner != nil {
		e.Owner.DropConn(c)
	}
	if e.OnClose != nil {
		e.OnClose()
	}
}

// Close ends the connection from one end. What that end has sent still arrives;
// what is on its way to it does not.
func (c *Conn) Close(by int) {
	e := &c.Ends[by]
	if e.Closed {
		return
	}
	e.Closed = true
	if e.Owner != nil {
		e.Owner.DropConn(c)
	}
	c.push(1-by, item{fin: true})
}

// tear loses what is on its way to an end from a random point on, which may lie
// within the bytes of one write.
func (c *Conn) tear(to int) {
	e := &c.Ends[to]
	left := len(e.queue) - e.at
	if left == 0 {
		return
	}
	keep := c.n.Tears.IntN(left + 1)
	if keep < left {
		next := e.queue[e.at+keep]
		if len(next.data) > 1 {
			next.data = next.data[:c.n.Tears.IntN(len(next.data))]
			e.queue[e.at+keep] = next
			keep++
		}
	}
	clear(e.queue[e.at+keep:])
	e.queue = e.queue[:e.at+keep]
}

// Reset breaks the connection for both ends. They notice when what is left of it
// has come.
func (c *Conn) Reset() {
	for to := range c.Ends {
		c.tear(to)
		if !c.Ends[to].Closed {
			c.push(to, item{fin: true})
		}
	}
}

// Die is the end of the process at one end: what it has sent arrives up to some
// point. Without a word the other end learns of it much later, from its system.
func (c *Conn) Die(by int, word bool) {
	c.Ends[by].Closed = true
	c.tear(1 - by)
	silence := time.Duration(0)
	if !word {
		silence = c.n.KeepAlive
	}
	c.n.Time.After(silence, func() {
		if !c.Ends[1-by].Closed {
			c.push(1-by, item{fin: true})
		}
	})
}

// Chance is true with probability p.
func Chance(r *rand.Rand, p float64) bool { return p > 0 && r.Float64() < p }

// UpTo is a random time below d.
func UpTo(r *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(d)))
}
