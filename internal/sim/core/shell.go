package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/isis"
)

// node is one incarnation of a node: its core, and around it what a server does.
type node struct {
	index     int
	id        isis.MemberID
	core      *isis.Node
	alive     bool
	log       []placed // applied, from position 1
	submitted []uint32
	delivered int    // own commands in the log
	view      uint64 // last entered

	// A joiner.
	donor    *node
	stream   []streamed // from the donor, not read yet
	doubtful bool       // has loaded a state anew during an attempt, and may have to start over

	// A member.
	followers []*node // that observe it
	leaving   bool    // submits no more, and asks to leave once it is idle
	left      bool    // has asked when it was idle
}

// streamed is a delivery on its way from a donor.
type streamed struct {
	view, first uint64
	commands    []placed
}

func (n *node) String() string { return fmt.Sprintf("%s#%d", n.id.ID, n.id.Incarnation) }

func (n *node) member() bool {
	return n.core.Phase() == isis.Normal || n.core.Phase() == isis.Wedged
}

func (w *world) nodeOf(id isis.MemberID) *node { return w.nodes[id.Incarnation-1] }

// start begins a new incarnation of a node.
func (w *world) start(id string) *node {
	n := &node{
		index: len(w.nodes),
		id:    isis.MemberID{ID: id, Incarnation: uint64(len(w.nodes) + 1)},
		alive: true,
	}
	n.core = isis.New(isis.Config{
		Self: n.id, Agreed: w.options.Agreed, Window: w.traits.window,
		MaxBatchCommands: w.traits.batch, MaxUndelivered: w.traits.undelivered, DirectAcks: w.traits.direct,
	})
	w.nodes = append(w.nodes, n)
	w.connect(n)
	return n
}

// stop ends a node's process.
func (w *world) stop(n *node, why string) {
	if w.tracing() {
		w.trace("%s stops: %s", n, why)
	}
	n.alive = false
	w.silence(n)
	for _, f := range n.followers {
		if f.donor == n {
			f.stream = f.stream[:w.rng.IntN(len(f.stream)+1)]
		}
	}
}

func (w *world) submit(n *node) {
	w.commands++
	n.submitted = append(n.submitted, w.commands)
	if w.tracing() {
		w.trace("%s submits %d", n, w.commands)
	}
	if !n.core.Submit(binary.LittleEndian.AppendUint32(nil, w.commands)) {
		w.fail("%s refused a command", n)
	}
}

// deliver hands a node the oldest message of a link.
func (w *world) deliver(l *link) {
	m := w.receive(l)
	w.counts.Messages++
	if w.tracing() {
		w.trace("%s < %s %s", l.to, l.from, describe(&m))
	}
	if err := l.to.core.Step(l.from.id, &m); err != nil {
		w.fail("protocol: %s: %v", l.to, err)
	}
}

// turn ends a node's turn: it does what the core has ready.
func (w *world) turn(n *node) {
	ready := n.core.Ready()
	for i := range ready.Messages {
		w.send(n, &ready.Messages[i])
	}
	for i := range ready.Deliveries {
		w.apply(n, &ready.Deliveries[i])
	}
	for i := range ready.Entered {
		w.enter(n, &ready.Entered[i])
	}
	if len(ready.Rejected) > 0 {
		w.fail("protocol: %s: kept: %v", n, errors.Join(ready.Rejected...))
	}
}

// apply applies a delivery, and streams it to those who observe this node.
func (w *world) apply(n *node, d *isis.Delivery) {
	w.counts.Deliveries++
	if len(d.Payload) != int(d.Count)*4 || d.Own != (d.Sender == n.id) {
		w.fail("delivery: %s has %+v", n, *d)
	}
	commands := make([]placed, 0, d.Count)
	for rest := d.Payload; len(rest) > 0; rest = rest[4:] {
		commands = append(commands, placed{
			command: binary.LittleEndian.Uint32(rest),
			view:    uint32(d.View), sender: uint32(d.Sender.Incarnation), seq: uint32(d.Seq),
		})
	}
	w.append(n, d.First, commands)
	n.followers = slices.DeleteFunc(n.followers, func(f *node) bool { return !f.alive || f.donor != n || f.member() })
	for _, f := range n.followers {
		f.stream = append(f.stream, streamed{view: d.View, first: d.First, commands: commands})
	}
}

// append adds commands to a node's log.
func (w *world) append(n *node, first uint64, commands []placed) {
	if first != uint64(len(n.log))+1 {
		w.fail("gap: %s is given position %d after %d", n, first, len(n.log))
	}
	if w.tracing() {
		w.trace("  %s delivers %v at %d", n, commands, first)
	}
	for _, p := range commands {
		n.log = append(n.log, p)
		if !w.options.Agreed {
			w.order.check(w, n, len(n.log), p)
		}
		if uint64(p.sender) == n.id.Incarnation {
			if n.delivered >= len(n.submitted) || n.submitted[n.delivered] != p.command {
				w.fail("own: %s delivers its command %d, after %d of %v", n, p.command, n.delivered, n.submitted)
			}
			n.delivered++
		}
	}
}

// enter notes a view. Links to members of the view before that are not in this
// one may end: nobody keeps them up.
func (w *world) enter(n *node, v *isis.View) {
	if w.tracing() {
		w.trace("  %s enters view %d %v", n, v.ID, v.Members)
	}
	committed := w.registry.view(v.ID)
	if committed == nil || committed.Prev != v.Prev || !slices.Equal(committed.Members, v.Members) {
		w.fail("view: %s enters view %+v, committed is %+v", n, *v, committed)
	}
	if n.view != 0 && n.view != v.Prev {
		w.fail("view: %s enters view %d, whose base is %d, from %d", n, v.ID, v.Prev, n.view)
	}
	if n.view == 0 && v.ID > 1 {
		w.counts.Joins++
	}
	n.view, n.donor, n.stream, n.doubtful = v.ID, nil, nil, false
	if before := w.registry.view(v.Prev); before != nil {
		for _, m := range before.Members {
			if v.Rank(m) < 0 && w.chance(0.5) {
				w.cut(w.links[n.index][w.nodeOf(m).index])
			}
		}
	}
}

// load gives a joiner a donor's state, and a stream of what it delivers next.
func (w *world) load(n, donor *node) {
	if w.tracing() {
		w.trace("%s loads the state of %s at %d", n, donor, len(donor.log))
	}
	w.counts.Reloads++
	n.doubtful = n.doubtful || n.core.Attempt() != 0
	n.donor, n.stream = donor, nil
	n.log = slices.Clone(donor.log)
	if !slices.Contains(donor.followers, n) {
		donor.followers = append(donor.followers, n)
	}
	n.core.Observe(uint64(len(n.log)), donor.id)
}

// follow reads one delivery of a joiner's stream.
func (w *world) follow(n *node) {
	s := n.stream[0]
	n.stream = n.stream[1:]
	applies, err := n.core.Observed(s.view, s.first, uint32(len(s.commands)))
	if err != nil {
		w.fail("stream: %s: %v", n, err)
	}
	if applies {
		w.append(n, s.first, s.commands)
	}
}

// describe names a message as the literature does.
func describe(m *isis.Message) string {
	s := fmt.Sprintf("%s view %d", m.Kind, m.View)
	switch m.Kind {
	case isis.KindPropose, isis.KindProposal, isis.KindFinal:
		s += fmt.Sprintf(" seq %d priority %d", m.Seq, m.Priority)
	case isis.KindHeld, isis.KindStable:
		s += fmt.Sprintf(" %d", m.Seq)
	case isis.KindAck:
		s += fmt.Sprintf(" %v", m.Acks)
	case isis.KindFlushState:
		s += fmt.Sprintf(" position %d clock %d", m.State.Position, m.State.Clock) + describeEntries(m.State.Entries)
	case isis.KindCut:
		s += fmt.Sprintf(" base %d clock %d", m.Cut.Base, m.Cut.Clock) + describeEntries(m.Cut.Entries)
	}
	return s
}

func describeEntries(entries []isis.Entry) string {
	s := ""
	for _, e := range entries {
		s += fmt.Sprintf(" [%d/%d %d final=%v count=%d]", e.Sender, e.Seq, e.Priority, e.Final, e.Count)
	}
	return s
}
