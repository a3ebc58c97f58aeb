package wires

import (
	"bytes"
	"time"
)

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
	OnRoom  func()    // what this end writes is taken again

	queue     []item
	underWay  int  // bytes in queue
	full      bool // TryWrite to this end has not taken everything
	at        int  // of the oldest item
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

// item is what arrives: bytes, or whatever else, which counts as so many bytes; or the end of
// the connection.
type item struct {
	at   time.Duration
	data []byte
	what func()
	size int
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

// Send has something happen at an end once so many bytes have come there.
func (c *Conn) Send(to, size int, what func()) { c.push(to, item{what: what, size: size}) }

// Write writes bytes to an end.
func (c *Conn) Write(to int, data []byte) {
	for len(data) > segmentBytes && c.n.limited(c.Ends[1-to].Site, c.Ends[to].Site) {
		c.pushData(to, data[:segmentBytes])
		data = data[segmentBytes:]
	}
	c.pushData(to, data)
}

func (c *Conn) pushData(to int, data []byte) { c.push(to, item{data: data, size: len(data)}) }

// TryWrite writes a copy of as many of the bytes as the connection has room for, and returns
// their number. If those are not all, OnRoom of the end that writes is called once there is
// room for a good part of the rest.
func (c *Conn) TryWrite(to int, data []byte) int {
	e := &c.Ends[to]
	if room := c.n.Buffer - e.underWay; c.n.Buffer > 0 && room < len(data) {
		e.full = true
		if room <= 0 {
			return 0
		}
		data = data[:room]
	}
	c.Write(to, bytes.Clone(data))
	return len(data)
}

// hasRoom has the end that writes to another go on, if that waits for room and there is some.
func (c *Conn) hasRoom(to int) {
	e, writer := &c.Ends[to], &c.Ends[1-to]
	if !e.full || 2*e.underWay > c.n.Buffer {
		return
	}
	e.full = false
	switch {
	case writer.Closed || writer.OnRoom == nil:
	case writer.Owner != nil:
		writer.Owner.Do(writer.OnRoom)
	default:
		writer.OnRoom()
	}
}

func (c *Conn) push(to int, it item) {
	if c.Ends[1-to].Closed && !it.fin {
		return
	}
	e := &c.Ends[to]
	from := c.Ends[1-to].Site
	it.at = max(e.last, c.n.Time.Now+c.n.Pass(from, e.Site, it.size)+c.n.Delay(from, e.Site))
	e.last = it.at
	e.underWay += it.size
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
	e.underWay -= it.size
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
	c.hasRoom(to)
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
