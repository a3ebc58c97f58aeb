package isistest_test

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// node is one incarnation of a node.
type node struct {
	*isistest.Node
	view      uint64    // last entered
	log       []placed  // what it has delivered or loaded
	submitted string    // commands, of 4 bytes each
	delivered int       // bytes of them in the log
	speeds    []float64 // of its links: chance to deliver when it is a link's turn
	fetched   uint64    // as it was heard last
	doubtful  bool      // a joiner that has loaded a state during an attempt, and may have to start over
	leaving   bool      // submits no more, and asks to leave once it is idle
	left      bool      // has asked when it was idle
}

func (n *node) String() string { return n.ID.String() }

func (w *world) nodeOf(id isis.MemberID) *node { return w.nodes[id.Incarnation-1] }

// start begins a new incarnation of a node.
func (w *world) start(name string) *node {
	n := &node{Node: w.group.Start(name)}
	for _, other := range w.nodes {
		other.speeds = append(other.speeds, w.drawSpeed())
	}
	w.nodes = append(w.nodes, n)
	for range w.nodes {
		n.speeds = append(n.speeds, w.drawSpeed())
	}
	return n
}

func (w *world) drawSpeed() float64 {
	if w.chance(w.traits.slowLinks) {
		return [...]float64{0.3, 0.1, 0.02}[w.rng.IntN(3)]
	}
	return 1
}

// stop ends a node's process: nothing reaches it, and what it has sent arrives up to a
// random point of each link and stream.
func (w *world) stop(n *node, why string) {
	w.trace("%s stops: %s", n, why)
	w.group.Stop(n.Node)
	for _, l := range n.Links {
		w.cut(l)
	}
	for _, f := range w.nodes {
		if f.Alive && f.Donor == n.Node {
			f.Stream = f.Stream[:w.rng.IntN(len(f.Stream)+1)]
		}
	}
}

// cut ends a link at a random point.
func (w *world) cut(l *isistest.Link) { w.group.Truncate(l, w.rng.IntN(l.Len()+1)) }

func (w *world) submit(n *node) {
	w.commands++
	command := binary.LittleEndian.AppendUint32(nil, w.commands)
	n.submitted += string(command)
	w.trace("%s submits %x", n, command)
	if !n.Core.Submit(command) {
		w.fail("%s refused a command", n)
	}
}

// deliver hands a node the oldest message of a link.
func (w *world) deliver(l *isistest.Link) {
	w.counts["messages"]++
	if w.options.Trace != nil {
		w.trace("%s < %s %s", l.To.ID, l.From.ID, isistest.Describe(l.Oldest(), l.From, l.To))
	}
	if err := w.group.Deliver(l); err != nil {
		w.fail("protocol: %s: %v", l.To.ID, err)
	}
}

func (w *world) sent(from, to *isistest.Node, m *isis.Message) {
	if w.options.Trace != nil {
		w.trace("  %s > %s %s", from.ID, to.ID, isistest.Describe(m, from, to))
	}
}

func (w *world) rejected(n *isistest.Node, err error) { w.fail("protocol: %s: kept: %v", n.ID, err) }

func (w *world) applied(n *isistest.Node, d *isis.Delivery) {
	w.counts["deliveries"]++
	if len(d.Payload) != int(d.Count)*4 || d.Own != (d.Sender == n.ID) {
		w.fail("delivery: %s has %+v", n.ID, *d)
	}
	w.append(w.nodes[n.Index()], d)
}

// append adds a delivery to a node's log.
func (w *world) append(n *node, d *isis.Delivery) {
	p := placed{first: d.First, view: d.View, sender: d.Sender, seq: d.Seq, commands: string(d.Payload)}
	w.trace("  %s delivers %v", n, p)
	n.log = append(n.log, p)
	if !w.options.Agreed {
		w.order.check(w, n, len(n.log)-1)
	}
	if p.sender == n.ID {
		if !strings.HasPrefix(n.submitted[n.delivered:], p.commands) {
			w.fail("own: %s delivers %v, after %d bytes of %x", n, p, n.delivered, n.submitted)
		}
		n.delivered += len(p.commands)
	}
}

// entered notes a view. Links to members of the view before that are not in this
// one may end: nobody keeps them up.
func (w *world) entered(entrant *isistest.Node, v *isis.View) {
	n := w.nodes[entrant.Index()]
	w.trace("  %s enters view %d %v", n, v.ID, v.Members)
	committed := w.registry.view(v.ID)
	if committed == nil || committed.Prev != v.Prev || !slices.Equal(committed.Members, v.Members) {
		w.fail("view: %s enters view %+v, committed is %+v", n, *v, committed)
	}
	if n.view != 0 && n.view != v.Prev {
		w.fail("view: %s enters view %d, whose base is %d, from %d", n, v.ID, v.Prev, n.view)
	}
	if n.view == 0 && v.ID > 1 {
		w.counts["joins"]++
	}
	n.view, n.Donor, n.Stream, n.doubtful = v.ID, nil, nil, false
	if before := w.registry.view(v.Prev); before != nil {
		for _, m := range before.Members {
			if v.Rank(m) < 0 && w.chance(0.5) {
				w.cut(n.Links[w.nodeOf(m).Index()])
			}
		}
	}
}

// load gives a joiner a donor's state, and a stream of what it delivers next.
func (w *world) load(n, donor *node) {
	w.trace("%s loads the state of %s at %d", n, donor, donor.Applied)
	w.counts["states loaded"]++
	n.doubtful = n.doubtful || n.Core.Attempt() != 0
	n.log = slices.Clone(donor.log)
	n.Observe(donor.Node)
}

// follow reads one delivery of a joiner's stream.
func (w *world) follow(n *node) {
	d, applies, err := n.Follow()
	if err != nil {
		w.fail("stream: %s: %v", n, err)
	}
	if applies {
		w.append(n, &d)
	}
}
