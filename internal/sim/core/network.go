package core

import (
	"slices"

	"github.com/seed-8247e700/dsm/isis"
)

// link is the FIFO queue from one incarnation to another.
type link struct {
	from, to *node
	queue    []isis.Message
	at       int     // of the oldest message
	place    int     // in world.busy, or -1
	speed    float64 // chance to deliver when it is its turn
}

// connect gives a new node its links.
func (w *world) connect(n *node) {
	for i := range w.links {
		w.links[i] = append(w.links[i], w.newLink(w.nodes[i], n))
	}
	row := make([]*link, 0, len(w.nodes))
	for _, other := range w.nodes {
		row = append(row, w.newLink(n, other))
	}
	w.links = append(w.links, row)
}

func (w *world) newLink(from, to *node) *link {
	speed := 1.0
	if w.chance(w.traits.slowLinks) {
		speed = [...]float64{0.3, 0.1, 0.02}[w.rng.IntN(3)]
	}
	return &link{from: from, to: to, place: -1, speed: speed}
}

// send queues a message. Its counters are copied: the core writes on in them.
func (w *world) send(from *node, e *isis.Envelope) {
	to := w.nodeOf(e.To)
	if w.tracing() {
		w.trace("  %s > %s %s", from, to, describe(&e.Message))
	}
	if !to.alive {
		return
	}
	l := w.links[from.index][to.index]
	m := e.Message
	m.Acks = slices.Clone(m.Acks)
	l.queue = append(l.queue, m)
	if l.place < 0 {
		l.place = len(w.busy)
		w.busy = append(w.busy, l)
	}
}

// receive takes the oldest message of a link that has one.
func (w *world) receive(l *link) isis.Message {
	m := l.queue[l.at]
	l.queue[l.at] = isis.Message{}
	l.at++
	if l.at == len(l.queue) {
		w.truncate(l, 0)
	}
	return m
}

// truncate drops all but the oldest messages of a link.
func (w *world) truncate(l *link, keep int) {
	l.queue = l.queue[:l.at+keep]
	if keep > 0 || l.place < 0 {
		return
	}
	l.queue, l.at = l.queue[:0], 0
	last := w.busy[len(w.busy)-1]
	w.busy[l.place] = last
	last.place = l.place
	w.busy = w.busy[:len(w.busy)-1]
	l.place = -1
}

// cut ends a link at a random point.
func (w *world) cut(l *link) { w.truncate(l, w.rng.IntN(len(l.queue)-l.at+1)) }

// silence ends all links of a node that has stopped: nothing reaches it, and
// what it has sent arrives up to a random point of each link.
func (w *world) silence(n *node) {
	for i := range w.nodes {
		w.cut(w.links[n.index][i])
		w.truncate(w.links[i][n.index], 0)
	}
}
