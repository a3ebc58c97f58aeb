package isistest_test

import (
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/isis"
)

// placed is a message at its place in the order.
type placed struct {
	first    uint64 // position of its first command
	view     uint64
	sender   isis.MemberID
	seq      uint64
	commands string // of 4 bytes each
}

func (p placed) String() string {
	return fmt.Sprintf("%s/%d of view %d at %d: %x", p.sender, p.seq, p.view, p.first, p.commands)
}

// order is the one order that all logs are held against, known as far as any
// node has delivered.
type order struct {
	log   []placed
	taken []int // by incarnation: bytes of its commands in the order
	seqs  map[stream]uint64
}

// stream is what a member sends in a view. Its messages have rising numbers.
type stream struct {
	view   uint64
	sender isis.MemberID
}

// check holds the message at a place of a node's log against the order: that of
// others, with the commands of each sender once, in the order of submission, and the
// messages of each stream by their numbers, from 1, without a gap.
func (o *order) check(w *world, n *node, at int) {
	p := n.log[at]
	if at < len(o.log) {
		if o.log[at] != p {
			w.fail("order: %s has %v, where others have %v", n, p, o.log[at])
		}
		return
	}
	if at != len(o.log) {
		w.fail("gap: %s has delivered %d messages, the order ends at %d", n, at+1, len(o.log))
	}
	o.log = append(o.log, p)
	w.counts["commands in the order"] += len(p.commands) / 4
	sender := w.nodeOf(p.sender)
	taken := o.takenOf(sender)
	if !strings.HasPrefix(sender.submitted[*taken:], p.commands) {
		w.fail("validity: %s delivered %v, after %d bytes of %x", n, p, *taken, sender.submitted)
	}
	*taken += len(p.commands)
	if o.seqs == nil {
		o.seqs = make(map[stream]uint64)
	}
	key := stream{p.view, p.sender}
	if p.seq != o.seqs[key]+1 {
		w.fail("sequence: %s delivered %v, after message %d", n, p, o.seqs[key])
	}
	o.seqs[key] = p.seq
}

func (o *order) takenOf(n *node) *int {
	for len(o.taken) <= n.Index() {
		o.taken = append(o.taken, 0)
	}
	return &o.taken[n.Index()]
}

// finish holds the survivors against what must be true once all is quiet.
func (w *world) finish() {
	members := w.registry.last().Members
	for _, m := range members {
		if n := w.nodeOf(m); w.options.Agreed {
			for i := range n.log {
				w.order.check(w, n, i)
			}
		}
	}
	for _, m := range members {
		n := w.nodeOf(m)
		if len(n.log) != len(w.order.log) || n.Core.Position() != n.Applied {
			w.fail("convergence: %s has %d messages at position %d, applied %d, the order has %d",
				n, len(n.log), n.Core.Position(), n.Applied, len(w.order.log))
		}
	}
	for _, n := range w.nodes {
		if taken := *w.order.takenOf(n); (n.Alive || n.left) && taken != len(n.submitted) {
			w.fail("lost: %s submitted %d bytes of commands, the order has %d", n, len(n.submitted), taken)
		}
		if n.left {
			w.finishLeaver(n)
		}
	}
}

// finishLeaver holds that a node which left when it was idle saw its last message,
// and all before it, where everybody has them, at either delivery level.
func (w *world) finishLeaver(n *node) {
	last := len(n.log) - 1
	for last >= 0 && n.log[last].sender != n.ID {
		last--
	}
	for i := range last + 1 {
		if n.log[i] != w.order.log[i] {
			w.fail("leave: %s had %v, where others have %v", n, n.log[i], w.order.log[i])
		}
	}
}
