package isistest

import "github.com/seed-8247e700/dsm/isis"

// Link is the FIFO queue of messages from one incarnation to another.
type Link struct {
	From, To *Node

	queue []isis.Message
	acks  []uint64 // backs the counters of queued messages: cores write on in their own
	at    int      // of the oldest message
	place int      // in Group.Busy, or -1
}

// Len is the number of messages on their way.
func (l *Link) Len() int { return len(l.queue) - l.at }

// Oldest returns the message that Deliver takes next.
func (l *Link) Oldest() *isis.Message { return &l.queue[l.at] }

func (g *Group) send(from *Node, e *isis.Envelope) {
	l := from.Links[e.To.Incarnation-1]
	if g.Sent != nil {
		g.Sent(from, l.To, &e.Message)
	}
	if !l.To.Alive {
		return
	}
	if l.at > len(l.queue)/2 && l.at > 32 { // the link may never be empty
		l.queue, l.acks, l.at = append(l.queue[:0], l.queue[l.at:]...), nil, 0
	}
	m := e.Message
	start := len(l.acks)
	l.acks = append(l.acks, m.Acks...)
	m.Acks = l.acks[start:len(l.acks):len(l.acks)]
	l.queue = append(l.queue, m)
	if l.place < 0 {
		l.place = len(g.Busy)
		g.Busy = append(g.Busy, l)
	}
}

// Deliver hands the oldest message of a link to the core of its receiver, whose turn it
// does not end. The error is the core's.
func (g *Group) Deliver(l *Link) error {
	m := l.Oldest()
	err := l.To.Core.Step(l.From.ID, m)
	*m = isis.Message{}
	l.at++
	g.Truncate(l, l.Len())
	return err
}

// Truncate drops all but the oldest messages of a link.
func (g *Group) Truncate(l *Link, keep int) {
	l.queue = l.queue[:l.at+keep]
	if keep > 0 || l.place < 0 {
		return
	}
	l.queue, l.acks, l.at = l.queue[:0], l.acks[:0], 0
	last := g.Busy[len(g.Busy)-1]
	g.Busy[l.place] = last
	last.place = l.place
	g.Busy = g.Busy[:len(g.Busy)-1]
	l.place = -1
}
