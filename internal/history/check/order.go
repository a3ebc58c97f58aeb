package main

import "reflect"

// order is the one order of which every log is a part.
type order struct {
	first, last uint64
	entries     map[uint64]*delivered
}

// mergeLogs holds the logs against each other.
func (v *verdict) mergeLogs(logs []log) *order {
	o := &order{entries: make(map[uint64]*delivered)}
	for _, l := range logs {
		v.checkLog(l)
		for i := range l.entries {
			e := &l.entries[i]
			other, ok := o.entries[e.Pos]
			if !ok {
				o.entries[e.Pos] = e
				if o.first == 0 || e.Pos < o.first {
					o.first = e.Pos
				}
				o.last = max(o.last, e.Pos)
			} else if !reflect.DeepEqual(e, other) {
				v.bad("order: %s has %v, others have %v", l.node, e, other)
			}
		}
	}
	for p := o.first; p <= o.last; p++ {
		if o.entries[p] == nil {
			v.bad("order: position %d is nobody's", p)
		}
	}
	return o
}

// checkLog looks for gaps and repeats in one log, and at its messages: each is
// delivered whole, and a sender's rise.
func (v *verdict) checkLog(l log) {
	type stamp struct{ view, seq uint64 }
	newest := make(map[string]stamp)
	for i := range l.entries {
		e := &l.entries[i]
		now := stamp{e.View, e.Seq}
		before, known := newest[e.Sender]
		newest[e.Sender] = now
		if i > 0 {
			previous := &l.entries[i-1]
			if e.Pos != previous.Pos+1 {
				v.bad("order: %s goes from position %d to %d", l.node, previous.Pos, e.Pos)
			}
			if e.View < previous.View {
				v.bad("order: %s goes back to view %d at position %d", l.node, e.View, e.Pos)
			}
			if previous.Sender == e.Sender && before == now {
				continue // the same message goes on
			}
		}
		if known && (now.view < before.view || now.view == before.view && now.seq <= before.seq) {
			v.bad("order: %s has message %d of %s after its message %d, in view %d", l.node, e.Seq, e.Sender, before.seq, e.View)
		}
	}
}
