package sim

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// order is the one order of a generation, known as far as any node has delivered,
// which all are held against: dead ones, too.
type order struct {
	w          *world
	generation uint64
	messages   []ordered
	at         []int32 // by position, from that after the base: the message that it is in
	span       span
	oracle     *oracle.Oracle
	strong     uint64 // what all writes and strong reads that have ended reflect
}

// ordered is a message at its place.
type ordered struct {
	isis.Delivery
	results []wire.Result
	digest  uint64 // of the state after it
	unsure  bool   // the digest is that of a replica whose memory is damaged
}

// logged is what a replica has delivered. With agreed delivery the orders of
// nodes that are lost may differ, so that they can be compared in the end only.
type logged struct {
	digest   uint64
	results  []wire.Result
	delivery isis.Delivery
}

func newOrder(w *world, generation uint64) *order {
	return &order{w: w, generation: generation, oracle: oracle.New(oracle.Config{
		SessionTTL: w.traits.sessionTTL, Tick: w.traits.tick, MaxClientSessions: maxClientSessions, Fail: w.fail, Counts: &w.counts.Counts,
	})}
}

// end is the last position that is known.
func (o *order) end() uint64 { return o.span.base + uint64(len(o.at)) }

// message is the number of the message that has a position, -1 if it is not known.
func (o *order) message(position uint64) int32 { return o.at[position-o.span.base-1] }

// deliver holds a delivery of a node, which has applied it, against the order.
func (o *order) deliver(r *replica, d *isis.Delivery, results []wire.Result) {
	o.reach(d.First + uint64(d.Count) - 1)
	if r.w.traits.agreed {
		delivery := *d
		delivery.Payload = bytes.Clone(d.Payload)
		r.log = append(r.log, logged{delivery: delivery, digest: r.reader.State().Digest(), results: slices.Clone(results)})
		return
	}
	o.place(r, d, results, r.reader.State().Digest())
}

func (o *order) place(r *replica, d *isis.Delivery, results []wire.Result, digest uint64) {
	switch {
	case d.First <= o.span.base:
		o.w.fail("positions: %s delivers at %d, and generation %d begins at %d", r, d.First, o.generation, o.span.base)
	case d.First <= o.end():
		m := &o.messages[o.message(d.First)]
		if !m.same(d) {
			o.w.fail("order: %s delivers %s at %d, where others have %s", r, describeDelivery(d), d.First, describeDelivery(&m.Delivery))
		}
		m.surer(r, digest)
		if m.digest != digest && r.damage.what == "" || !slices.Equal(m.results, results) {
			o.w.fail("state: %s has another state after %d than the first to deliver it, or other results", r, d.First)
		}
		return
	case d.First != o.end()+1:
		o.w.fail("gap: %s delivers at %d, the order ends at %d", r, d.First, o.end())
	}
	o.checkSequence(r, d)
	m := ordered{Delivery: *d, results: slices.Clone(results), digest: digest, unsure: r.damage.what != ""}
	o.messages = append(o.messages, m)
	for range d.Count {
		o.at = append(o.at, int32(len(o.messages)-1))
	}
	o.w.counts.Commands += uint64(d.Count)
	o.oracle.Apply(d, m.results)
}

// surer takes the digest of a replica whose memory is not known to be damaged, if there was
// none before.
func (m *ordered) surer(r *replica, digest uint64) {
	if m.unsure && r.damage.what == "" {
		m.digest, m.unsure = digest, false
	}
}

func (m *ordered) same(d *isis.Delivery) bool {
	return m.View == d.View && m.Sender == d.Sender && m.Seq == d.Seq && m.First == d.First && m.Count == d.Count &&
		bytes.Equal(m.Payload, d.Payload)
}

// checkSequence holds that a sender's messages of a view come in sequence.
func (o *order) checkSequence(r *replica, d *isis.Delivery) {
	last := uint64(0)
	for i := len(o.messages) - 1; i >= 0 && o.messages[i].View == d.View; i-- {
		if o.messages[i].Sender == d.Sender {
			last = o.messages[i].Seq
			break
		}
	}
	if d.Seq != last+1 && (!o.oracle.Partial || last != 0) {
		o.w.fail("sequence: %s delivers message %d of %s#%d in view %d after its message %d", r, d.Seq, d.Sender.ID, d.Sender.Incarnation, d.View, last)
	}
	if n := len(o.messages); n > 0 && o.messages[n-1].View > d.View {
		o.w.fail("sequence: %s delivers a message of view %d after one of view %d", r, d.View, o.messages[n-1].View)
	}
}

// loaded holds a state that a joiner has loaded against the order.
func (o *order) loaded(r *replica) {
	position := r.reader.State().Applied()
	if o.w.traits.agreed {
		r.log = nil
		return
	}
	if position > o.end() {
		o.w.fail("snapshot: %s has loaded a state at %d, the order ends at %d", r, position, o.end())
	}
	if position == o.span.base {
		return
	}
	m := &o.messages[o.message(position)]
	m.surer(r, r.reader.State().Digest())
	if m.First+uint64(m.Count)-1 != position || m.digest != r.reader.State().Digest() {
		o.w.fail("snapshot: %s has loaded a state at %d that nobody had there", r, position)
	}
}

// agree makes the order of a group with agreed delivery from what its members
// have delivered, in the end.
func (o *order) agree(members []*replica) {
	slices.SortStableFunc(members, func(a, b *replica) int { return cmp.Compare(firstLogged(a), firstLogged(b)) })
	for _, r := range members {
		for i := range r.log {
			l := &r.log[i]
			if len(o.messages) == 0 && l.delivery.First > o.end()+1 {
				o.skip(l.delivery.First - 1 - o.end())
			}
			if l.delivery.First <= o.end() && o.message(l.delivery.First) < 0 {
				continue
			}
			o.place(r, &l.delivery, l.results, l.digest)
		}
	}
}

// skip leaves out positions that no member has delivered by itself.
func (o *order) skip(n uint64) {
	for range n {
		o.at = append(o.at, -1)
	}
	o.oracle.Partial = true
}

func firstLogged(r *replica) uint64 {
	if len(r.log) == 0 {
		return math.MaxUint64
	}
	return r.log[0].delivery.First
}
