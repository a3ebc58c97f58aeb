package check

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/heap"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxPositions bounds for how many positions back versions are kept.
const maxPositions = 1 << 21

// Reads checks that each read returned the last write to its variable at or
// before the position it reports, unless the variable has expired since. It
// carries the order out again, on hashes, and so finds as well conditional
// writes that took effect, or were refused, when they should not have been,
// counters that miss an addend, and TTLs that are not what is left of them. It follows the
// sessions with a TTL of their own, with which the variables end that they own.
type Reads struct {
	tally
	prefix string // of the keys that are looked at

	wholeBytes int // newest values of up to so many bytes are kept whole, for transactions

	changed func(key string, now, old version) // hears of each change; nil: nobody

	variables map[string]*variable
	index     index // of their keys
	timers    timers[string]
	owners    owners
	position  uint64            // up to which the order is carried out
	floor     uint64            // no read to come reports less
	early     heap.Heap[*claim] // that report a position to which the order has not come
}

// claim is what a client was told about a variable.
type claim struct {
	op       history.Op
	hash     uint64 // of the value read
	absent   bool
	position uint64 // to look at
}

func (c *claim) before(d *claim) bool { return c.position < d.position }

// NewReads returns the check of the order after position origin. Variables
// without the prefix are not looked at.
func NewReads(prefix string, origin uint64) *Reads {
	return &Reads{tally: tally{name: "reads"}, prefix: prefix, variables: make(map[string]*variable), timers: newTimers[string](), owners: newOwners(origin), position: origin, early: heap.Heap[*claim]{Before: (*claim).before}}
}

// Order takes the next command of the order, and fills in the sum of an add.
func (r *Reads) Order(e *Entry) {
	// Those early were waiting for the position before this one.
	r.settleEarly(e.Position - 1)
	r.position = e.Position
	problem := r.followSession(e)
	switch e.Command.Op {
	case wire.OpTxn:
		problem = cmp.Or(r.carryOut(e), problem)
	case wire.OpTick, wire.OpClock:
		problem = r.passTime(e)
	}
	if problem != "" {
		r.violate("%s %s", entryText(e), problem)
	}
	if e.Command.Op == wire.OpTxn {
		return
	}
	if !e.OK || !e.Command.Op.IsWrite() || !strings.HasPrefix(e.Command.Key, r.prefix) {
		return
	}
	v := r.variable(e.Command.Key)
	v.prune(r.keepFrom())
	old := v.present()
	next, sum, problem := v.apply(e)
	r.change(e.Command.Key, next, old)
	e.Sum = sum
	if e.Command.Op == wire.OpSet || e.Command.Op == wire.OpDelete {
		r.timers.clear(e.Command.Key)
		r.owners.clear(e.Command.Key)
	}
	v.keepWhole(e.Command.Value, e.Command.Op == wire.OpSet || e.Command.Op == wire.OpCompareAndSet, r.wholeBytes)
	if e.Command.Op == wire.OpCompareAndSet || e.Command.Op == wire.OpAdd {
		r.events++
	}
	if problem != "" {
		r.violate("%s %q of session %d, seq %d, at position %d %s",
			e.Command.Op, e.Command.Key, e.Command.Session, e.Command.Seq, e.Position, problem)
	}
}

// variable returns the variable of a key.
func (r *Reads) variable(key string) *variable {
	v := r.variables[key]
	if v == nil {
		v = &variable{}
		key = strings.Clone(key) // it aliases the message, which must not stay for its sake
		r.variables[key] = v
		r.index.add(key)
	}
	return v
}

// change passes a change on.
func (r *Reads) change(key string, now, old version) {
	if r.changed != nil {
		r.changed(strings.Clone(key), now, old)
	}
}

func (r *Reads) keepFrom() uint64 {
	if r.position > maxPositions {
		return max(r.floor, r.position-maxPositions)
	}
	return r.floor
}

// Advance tells that no read to come reports a position below floor.
func (r *Reads) Advance(floor uint64) { r.floor = max(r.floor, floor) }

// Complete takes an operation. Operations may come in any order.
func (r *Reads) Complete(o *history.Op) {
	c := claim{op: *o, position: o.Position}
	switch {
	case o.Position == 0:
		if o.Answered() {
			r.events++
			r.violate("%s was answered without a position", opText(o))
		}
		return
	case o.Kind == history.Txn:
		return // Order has carried it out, and Agreement compares
	case o.Kind.IsScan():
		return // Scans looks at it
	case o.Kind.IsRead() && o.Status == history.OK:
		c.absent, c.hash = o.Value == nil, xxh3.Hash(o.Value)
	case o.Status == history.Fail && o.Because != history.Refused && o.Because != history.Quota:
		c.position-- // what it was refused for is what was there before it
	default:
		return
	}
	r.events++
	if c.position > r.position {
		waits := c // c itself is not allocated
		r.early.Push(&waits)
		return
	}
	r.settle(&c)
}

// settleEarly checks what waited for a position that is now reached.
func (r *Reads) settleEarly(position uint64) {
	for r.early.Len() > 0 && r.early.First().position <= position {
		r.settle(r.early.Pop())
	}
}

func (r *Reads) settle(c *claim) {
	want := version{absent: true}
	if v := r.variables[c.op.Key]; v != nil {
		known := false
		if want, known = v.at(c.position); !known {
			r.miss("%s: versions that old are not kept any more", opText(&c.op))
			return
		}
	}
	switch {
	case c.op.Status == history.Fail:
		r.settleRefusal(&c.op, want)
	case c.absent != want.absent, !c.absent && (c.hash != want.hash && !want.opaque || c.op.Version != want.position):
		r.violate("%s returned %s, but the last write at or before that position is %s",
			opText(&c.op), valueText(c.op.Value), want.text())
	case c.absent && c.op.Version != 0:
		r.violate("%s returned nothing, with a version", opText(&c.op))
	}
}

// settleRefusal holds a refusal against what the variable held just before it.
func (r *Reads) settleRefusal(o *history.Op, was version) {
	switch o.Because {
	case history.Conflict:
		if was.shown() == o.Expect {
			r.violate("%s was refused although the version was %d as expected", opText(o), o.Expect)
		} else if o.Version != 0 && o.Version != was.shown() {
			r.violate("%s was told a version, but there was %s", opText(o), was.text())
		}
	case history.NotFound:
		if !was.absent {
			r.violate("%s found nothing, but there was %s", opText(o), was.text())
		}
	case history.NotInteger:
		if was.absent || was.numeric {
			r.violate("%s found no number, but there was %s", opText(o), was.text())
		}
	case history.Overflow:
		if was.absent || !was.numeric || !was.overflows(o.Delta) {
			r.violate("%s was refused as an overflow, adding %d, but there was %s", opText(o), o.Delta, was.text())
		}
	}
}

func (v version) text() string {
	switch {
	case v.absent && v.position == 0:
		return "none"
	case v.expired:
		return fmt.Sprintf("an expiry at position %d", v.position)
	case v.absent:
		return fmt.Sprintf("a delete at position %d (session %d, seq %d)", v.position, v.session, v.seq)
	case v.numeric:
		return fmt.Sprintf("version %d (session %d, seq %d, the number %d)", v.position, v.session, v.seq, v.number)
	default:
		return fmt.Sprintf("version %d (session %d, seq %d, hash of the value %016x)", v.position, v.session, v.seq, v.hash)
	}
}

// Finish tells of reads of positions that the order never reached.
func (r *Reads) Finish() Result {
	r.settleEarly(r.position)
	for _, c := range r.early.All() {
		r.miss("%s: the order is known only up to position %d", opText(&c.op), r.position)
	}
	return r.result("the last write or expiry at or before the position told; conditional writes, counters",
		"versions and TTLs whole, values hashed; from the oldest operation in flight on, the last of each variable for ever")
}
