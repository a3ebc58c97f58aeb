package sim

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// order is the one order of a generation, known as far as any node has delivered,
// which all are held against: dead ones, too. The checks of package check hold what the
// nodes deliver and clients are told against it, and the oracle each result.
type order struct {
	w          *world
	generation uint64
	states     map[uint64]*state // after the message that ends at a position
	span       span
	checker    *check.Checker
	oracle     *oracle.Oracle
	results    []wire.Result // of the message that is delivered
	data       []store.ResultData
	index      int // of its command that comes next
	ops        []recorded
	moments    []moment      // the order as it was applied first
	at         time.Duration // when what is placed was applied
	expiries   []*history.Op // of variables
	orphans    []*history.Op // expiries of variables that went with their owner
	told       uint64        // the highest position that a client was told
}

// state is what a message has led to.
type state struct {
	results []wire.Result
	data    []store.ResultData
	digest  uint64
	unsure  bool // the digest is that of a replica whose memory is damaged
}

// logged is what a replica has delivered. With agreed delivery the orders of
// nodes that are lost may differ, so that they can be compared in the end only.
type logged struct {
	digest   uint64
	results  []wire.Result
	data     []store.ResultData
	delivery wire.Delivery
	at       time.Duration
}

func newOrder(w *world, generation uint64) *order {
	o := &order{w: w, generation: generation, states: make(map[uint64]*state)}
	o.oracle = oracle.New(oracle.Config{
		SessionTTL: w.traits.sessionTTL, Tick: w.traits.tick, MaxSessions: w.traits.sessions.all, MaxClientSessions: w.traits.sessions.client,
		MaxResults: maxResults, MaxResultBytes: maxResultBytes, Fail: w.fail, Counts: &w.counts.Counts,
		Expired: o.expired, Ended: o.ended,
	})
	return o
}

// check begins the checks of the order after a position. Prefix is that of the keys whose
// values are known there to be none.
func (o *order) check(origin uint64, prefix string) {
	o.checker = check.New(check.Options{
		Origin: origin, Shared: prefix != "", Prefix: prefix, Age: o.w.mostAge(), WholeBytes: 64 << 10, Watches: true, Found: o.w.found,
		Command: func(e *check.Entry) {
			o.w.counts.Commands++
			o.oracle.Command(e.Position, &e.Command, &o.results[o.index], o.dataOf(o.index))
			o.index++
		},
	})
}

// mostAge is how old what a plain read reflects may be, 0: of any age. A member that misses an
// acknowledgement goes on serving while attempts at the next view fail, since the registry
// knows no newer one; and for as long as a fault lasts if nobody may be excluded. chain.go
// judges leases alone, to the microsecond.
func (w *world) mostAge() time.Duration {
	if w.traits.minMembers > 1 {
		return 0
	}
	return 10 * w.longestLease(w.traits.detection)
}

// longestLease is the true time for which a lease of so long lasts at most.
func (w *world) longestLease(detection time.Duration) time.Duration {
	return time.Duration(float64(detection)/(1-w.traits.drift)) + time.Microsecond
}

// deliver holds a delivery of a node, which has applied it, against the order.
func (o *order) deliver(r *replica, d *wire.Delivery, out *store.Outcome) {
	o.reach(d.First + uint64(d.Count) - 1)
	o.came(d.First + uint64(d.Count) - 1)
	if o.w.traits.agreed {
		delivery := *d
		delivery.Payload, delivery.Effects = bytes.Clone(d.Payload), bytes.Clone(d.Effects)
		r.log = append(r.log, logged{delivery: delivery, digest: r.reader.State().Digest(), results: slices.Clone(out.Results), data: slices.Clone(out.Data), at: o.w.Now})
		return
	}
	o.at = o.w.Now
	o.place(r, d, out.Results, out.Data, r.reader.State().Digest())
}

// dataOf returns the data of a result of the message that is delivered.
func (o *order) dataOf(index int) []byte {
	for _, d := range o.data {
		if d.Index == index {
			return d.Bytes
		}
	}
	return nil
}

func sameData(a, b store.ResultData) bool { return a.Index == b.Index && bytes.Equal(a.Bytes, b.Bytes) }

func (o *order) place(r *replica, d *wire.Delivery, results []wire.Result, data []store.ResultData, digest uint64) {
	if d.First <= o.span.base || len(results) != d.Count {
		o.w.fail("positions: %s delivers %d commands at %d with %d results, and generation %d begins at %d",
			r, d.Count, d.First, len(results), o.generation, o.span.base)
	}
	o.results, o.data, o.index = results, data, 0
	o.checker.Deliver(r.name, d)
	end := d.First + uint64(d.Count) - 1
	s := o.states[end]
	if s == nil {
		o.states[end] = &state{results: slices.Clone(results), data: slices.Clone(data), digest: digest, unsure: r.damage.what != ""}
		return
	}
	s.surer(r, digest)
	if s.digest != digest && r.damage.what == "" || !slices.Equal(s.results, results) || !slices.EqualFunc(s.data, data, sameData) {
		o.w.fail("state: %s has another state after %d than the first to deliver it, or other results", r, end)
	}
}

// surer takes the digest of a replica whose memory is not known to be damaged, if there was
// none before.
func (s *state) surer(r *replica, digest uint64) {
	if s.unsure && r.damage.what == "" {
		s.digest, s.unsure = digest, false
	}
}

// loaded holds a state that a joiner has loaded against the order.
func (o *order) loaded(r *replica) {
	position, digest := r.reader.State().Applied(), r.reader.State().Digest()
	r.loaded = position
	if o.w.traits.agreed {
		r.log = nil
		return
	}
	o.checker.RestartStream(r.name)
	if position == o.span.base {
		return
	}
	s := o.states[position]
	if s == nil {
		o.w.fail("snapshot: %s has loaded a state at %d, where no message ends that anybody has delivered", r, position)
	}
	s.surer(r, digest)
	if s.digest != digest {
		o.w.fail("snapshot: %s has loaded a state at %d that nobody had there", r, position)
	}
}

// agree makes the order of a group with agreed delivery from what its members
// have delivered, in the end. Its beginning may be known to none of them.
func (o *order) agree(members []*replica) {
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b *replica) int { return cmp.Compare(firstLogged(a), firstLogged(b)) })
	if begins := min(firstLogged(members[0])-1, members[0].applied); begins > o.span.base {
		o.oracle.Partial = true
		o.check(begins, "unknown")
	}
	for _, r := range members {
		for i := range r.log {
			l := &r.log[i]
			o.at = l.at
			o.place(r, &l.delivery, l.results, l.data, l.digest)
		}
	}
}

func firstLogged(r *replica) uint64 {
	if len(r.log) == 0 {
		return math.MaxUint64
	}
	return r.log[0].delivery.First
}
