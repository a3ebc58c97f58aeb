package core

// placed is a command at its place in the order.
type placed struct {
	command uint32
	view    uint32
	sender  uint32 // incarnation
	seq     uint32 // of its message
}

// order is the one order that all logs are held against, known as far as any
// node has delivered.
type order struct {
	log   []placed
	taken []int             // by incarnation: commands of it in the order
	seqs  map[uint64]uint32 // by view and sender: seq of the last message in the order
}

// check holds a node's delivery at a position (from 1) against the order.
func (o *order) check(w *world, n *node, position int, p placed) {
	if position <= len(o.log) {
		if o.log[position-1] != p {
			w.fail("order: %s has %+v at position %d, where others have %+v", n, p, position, o.log[position-1])
		}
		return
	}
	if position != len(o.log)+1 {
		w.fail("gap: %s is at position %d, the order ends at %d", n, position, len(o.log))
	}
	o.log = append(o.log, p)
	w.counts.Commands++
	o.checkOrigin(w, n, p)
	o.checkSequence(w, n, position, p)
}

// checkOrigin holds that each command of a sender is in the order once, in the
// order of submission.
func (o *order) checkOrigin(w *world, n *node, p placed) {
	for len(o.taken) <= int(p.sender) {
		o.taken = append(o.taken, 0)
	}
	sender := w.nodes[p.sender-1]
	at := o.taken[p.sender]
	if at >= len(sender.submitted) || sender.submitted[at] != p.command {
		w.fail("validity: %s delivered %+v as command %d of %s, out of %v", n, p, at, sender, sender.submitted)
	}
	o.taken[p.sender]++
}

// checkSequence holds that a sender's messages of a view stand in the order by
// their numbers, from 1, without a gap.
func (o *order) checkSequence(w *world, n *node, position int, p placed) {
	if o.seqs == nil {
		o.seqs = make(map[uint64]uint32)
	}
	key := uint64(p.view)<<32 | uint64(p.sender)
	last := o.seqs[key]
	before := placed{}
	if position > 1 {
		before = o.log[position-2]
	}
	sameMessage := p.seq == last && before.view == p.view && before.sender == p.sender && before.seq == p.seq
	if !sameMessage && p.seq != last+1 {
		w.fail("sequence: %s delivered message %d of %d in view %d after its message %d", n, p.seq, p.sender, p.view, last)
	}
	o.seqs[key] = p.seq
}

// finish holds the survivors against what must be true once all is quiet.
func (w *world) finish() {
	members := w.registry.last().Members
	for _, m := range members {
		n := w.nodeOf(m)
		if w.options.Agreed {
			for i, p := range n.log {
				w.order.check(w, n, i+1, p)
			}
		}
	}
	for len(w.order.taken) <= len(w.nodes) {
		w.order.taken = append(w.order.taken, 0)
	}
	for _, m := range members {
		n := w.nodeOf(m)
		if len(n.log) != len(w.order.log) || n.core.Position() != uint64(len(n.log)) {
			w.fail("convergence: %s has %d commands at position %d, the order has %d", n, len(n.log), n.core.Position(), len(w.order.log))
		}
	}
	for _, n := range w.nodes {
		if (n.alive || n.left) && w.order.taken[n.id.Incarnation] != len(n.submitted) {
			w.fail("lost: %s submitted %d commands, the order has %d", n, len(n.submitted), w.order.taken[n.id.Incarnation])
		}
		if n.left {
			w.finishLeaver(n)
		}
	}
}

// finishLeaver holds that a node which left when it was idle saw its last command,
// and all before it, where everybody has them, at either delivery level.
func (w *world) finishLeaver(n *node) {
	last := len(n.log) - 1
	for last >= 0 && uint64(n.log[last].sender) != n.id.Incarnation {
		last--
	}
	for i := range last + 1 {
		if n.log[i] != w.order.log[i] {
			w.fail("leave: %s had %+v at position %d, where others have %+v", n, n.log[i], i+1, w.order.log[i])
		}
	}
}
