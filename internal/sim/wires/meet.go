package wires

import (
	"bytes"
	"errors"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// greeted answers a dialler. There may be no links.
func (r *Links) greeted(c *Conn, hello *wire.Hello, answer func(wire.HelloReply)) {
	if r == nil || r.closed {
		c.Close(1)
		return
	}
	g, refusal := r.node.Judge(hello, func(yield func(isis.MemberID) bool) {
		for _, l := range r.lines {
			if !yield(l.peer) {
				return
			}
		}
	})
	if refusal != nil {
		answer(*refusal)
	}
	if refusal != nil {
		c.Close(1)
		return
	}
	l := find(r.lines, g.From)
	if err := l.end.Greeted(g); err != nil {
		if errors.Is(err, link.ErrUnproved) {
			r.Counts.Unproved++
			answer(*l.end.Unproved(g))
		}
		c.Close(1)
		return
	}
	reply := l.end.Meet(g)
	l.act()
	answer(reply)
	if reply.Status == wire.StatusOK {
		l.attach(&attachment{c: c, side: 1, number: g.Dial})
	} else {
		c.Close(1)
	}
}

// answered takes the answer to a dial.
func (l *line) answered(a *attachment, reply *wire.HelloReply) {
	if l.at != a || l.r.closed {
		return
	}
	err := l.end.Answered(a.number, reply)
	l.act()
	if err != nil {
		l.failed(err)
		return
	}
	l.attach(a)
}

// attach puts a connection into use.
func (l *line) attach(a *attachment) {
	in, err := l.end.Attach(a.number, l.r.Process.Steady())
	l.at = a
	if err != nil {
		l.act()
		l.failed(err)
		return
	}
	a.frames = wire.NewFrameReader(a, maxRecordBytes)
	if a.in = in; l.end.Sent() > 0 {
		l.r.Counts.Resumed++
	}
	a.c.Ends[a.side].OnData = func(data []byte) { l.received(a, data) }
	a.c.Ends[a.side].OnClose = func() {
		l.end.Broke(a.number, errConnection)
		l.act()
	}
	a.c.Ends[a.side].OnRoom = func() {
		if l.at == a && len(l.end.Unsent()) > 0 {
			l.write(a)
		}
	}
	l.act()
}

// Read is the reader's of frames: it returns what has come of the connection's bytes.
func (a *attachment) Read(b []byte) (int, error) {
	if len(a.came) == 0 {
		return 0, wire.ErrAgain
	}
	n := copy(b, a.came)
	a.came = a.came[n:]
	return n, nil
}

// received takes bytes from the connection.
func (l *line) received(a *attachment, data []byte) {
	l.end.Heard(l.r.Process.Steady(), len(data))
	a.came = data
	for {
		record, err := a.frames.NextRecord()
		if errors.Is(err, wire.ErrAgain) {
			break
		}
		l.record(a, record, err)
	}
	a.in.Publish()
	if a.in.Overdue() {
		l.end.Confirm(a.number)
		l.act()
	}
}

// record takes one record, or the error of reading it. Payloads alias the record, which
// is the reader's.
func (l *line) record(a *attachment, record []byte, err error) {
	message := false
	if err == nil {
		message, err = a.in.Take(record)
	}
	if message {
		l.r.come, err = transport.DecodeMessage(bytes.Clone(record))
	}
	if err != nil {
		l.r.Fail("link: %s#%d from %s#%d: %v", l.r.Self.ID, l.r.Self.Incarnation, l.peer.ID, l.peer.Incarnation, err)
	}
	if message && l.end.Takes(a.in) {
		l.r.Counts.Messages++
		l.r.Receive(l.peer, &l.r.come)
	}
}
