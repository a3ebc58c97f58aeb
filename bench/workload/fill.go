package workload

import (
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	fillKeys    = 1_000 // by default
	mostFill    = 1_000_000
	fillReads   = 0.1  // of the operations
	fillDrops   = 0.01 // of the others: deletes, although there may be room
	fillDeletes = 4    // after a write that was refused
)

// fillDefaults has room for half of the variables, by their number.
func fillDefaults(w *load.Workload) {
	w.Keys, w.Writes, w.QuotaVariables = fillKeys, 1-fillReads, fillKeys/2
}

func validateFill(w *load.Workload) error { return program.CheckInt("keys", w.Keys, 1, mostFill) }

// startFill names the variables. None is there at first.
func startFill(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return "fill/" + digits(i, 6) })
	k.Choose = func(k *load.Keyspace, id int) load.Chooser {
		return &filling{client: newClient(k, id), values: load.NewValues(k, id)}
	}
	return k, newFill(w)
}

// filling is a client that sets variables until there is no room, and then deletes some. It
// deletes one now and then anyway: if all were there before the quota was in force, no write
// would need room.
type filling struct {
	client
	values  *load.Values
	deletes int // that are left
}

// Preload fills r with a read: the load begins with nothing.
func (f *filling) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Get, Key: f.keys.Plain[key]}
}

// Next fills r with a set, a read, or a delete if there was no room.
func (f *filling) Next(r *load.Request) {
	key := f.someKey()
	switch {
	case f.deletes > 0:
		f.deletes--
		*r = load.Request{Kind: history.Delete, Key: key}
	case f.chance(fillReads):
		*r = load.Request{Kind: history.Get, Key: key}
	case f.chance(fillDrops):
		*r = load.Request{Kind: history.Delete, Key: key}
	default:
		// A value of another size takes or leaves room, too.
		size := load.MinValueBytes + f.random.IntN(f.keys.ValueBytes-load.MinValueBytes+1)
		*r = load.Request{Kind: history.Set, Key: key, Value: f.values.Next()[:size]}
	}
}

// Learn looks for writes that were refused.
func (f *filling) Learn(_ *load.Request, a *load.Answer) {
	if a.Because == history.Quota {
		f.deletes = fillDeletes
	}
}

// usage is how much variables take together.
type usage struct {
	bytes     int64 // of keys and values
	variables int64
}

// fill is the invariant: the variables never exceed the quota, and no write is refused that
// would fit.
type fill struct {
	tally
	quota usage          // 0: none
	kept  bool           // it is in force: a group begins without it, and its first member orders it soon
	sizes map[string]int // of the values of all variables
	used  usage
	most  usage // that was ever used

	unfit map[writeID]bool     // writes without effect in the order: whether they would have exceeded the quota
	told  map[writeID]struct{} // refused, and not yet in the order

	refused int64 // writes, as clients were told
	after   int64 // that took effect after one that did not fit
	full    bool  // there was one that did not fit
}

func newFill(w *load.Workload) *fill {
	return &fill{
		tally: tally{result: check.Result{Name: "fill", Kept: "the sizes of all values"}},
		quota: usage{w.QuotaBytes, w.QuotaVariables}, sizes: make(map[string]int),
		unfit: make(map[writeID]bool), told: make(map[writeID]struct{}),
	}
}

// with is what is used if a variable has a value of so many bytes.
func (f *fill) with(key string, size int) usage {
	next := f.without(key)
	return usage{next.bytes + int64(len(key)+size), next.variables + 1}
}

// without is what is used without a variable.
func (f *fill) without(key string) usage {
	size, is := f.sizes[key]
	if !is {
		return f.used
	}
	return usage{f.used.bytes - int64(len(key)+size), f.used.variables - 1}
}

// exceeds reports whether the quota forbids that usage becomes what it says.
func (f *fill) exceeds(next usage) bool {
	return f.quota.bytes > 0 && next.bytes > f.quota.bytes && next.bytes > f.used.bytes ||
		f.quota.variables > 0 && next.variables > f.quota.variables && next.variables > f.used.variables
}

// Order takes a command.
func (f *fill) Order(e *check.Entry) {
	c := &e.Command
	switch {
	case c.Op == wire.OpQuota && e.OK:
		f.kept = true
	case c.Op == wire.OpDelete && e.OK:
		f.used = f.without(c.Key)
		delete(f.sizes, c.Key)
	case c.Op == wire.OpSet && e.OK:
		f.set(e)
	case c.Op == wire.OpSet:
		f.unset(e)
	}
}

// set takes a set that took effect.
func (f *fill) set(e *check.Entry) {
	c := &e.Command
	next := f.with(c.Key, len(c.Value))
	if f.kept && f.exceeds(next) {
		f.violate("%q was set at position %d: that makes %d variables of %d bytes, which exceed the quota", c.Key, e.Position, next.variables, next.bytes)
	}
	f.used = next
	f.sizes[strings.Clone(c.Key)] = len(c.Value) // the key may be part of a message
	f.most = usage{max(f.most.bytes, next.bytes), max(f.most.variables, next.variables)}
	if f.full {
		f.after++
	}
}

// unset takes a set without effect. What counts is where the group decided on it, which is
// the first time.
func (f *fill) unset(e *check.Entry) {
	c := &e.Command
	id, exceeds := writeID{c.Session, c.Seq}, f.exceeds(f.with(c.Key, len(c.Value)))
	f.full = f.full || exceeds
	if _, told := f.told[id]; told {
		delete(f.told, id)
		f.judge(id, exceeds)
	} else if _, before := f.unfit[id]; !before {
		f.unfit[id] = exceeds
	}
}

// Complete takes an operation.
func (f *fill) Complete(o *history.Op) {
	if o.Because != history.Quota {
		return
	}
	f.result.Events++
	f.refused++
	id := writeID{o.Session, o.Seq}
	exceeds, ordered := f.unfit[id]
	if !ordered {
		f.told[id] = struct{}{}
		return
	}
	delete(f.unfit, id)
	f.judge(id, exceeds)
}

// judge takes a write that was refused, when it is in the order. The run may not have seen
// the command that put the quota into force.
func (f *fill) judge(id writeID, exceeds bool) {
	f.kept = true
	if !exceeds {
		f.violate("write %d of session %d was refused, and does not exceed the quota", id.seq, id.session)
	}
}

// Replica takes the variables at the end.
func (f *fill) Replica(r *Replica) {
	if !f.reached(r) {
		return
	}
	if int64(len(r.Items)) != f.used.variables {
		f.violate("%s has %d variables at the end, of %d", r.Node, len(r.Items), f.used.variables)
	}
}

// Finish returns what was found. A run in which nothing was refused, or that did not go on
// after it, has shown nothing.
func (f *fill) Finish() check.Result {
	if n := len(f.told); n > 0 {
		f.miss("%s were refused and are not in the order", report.Count(n, "write"))
	}
	if f.refused == 0 || f.after == 0 {
		f.miss("%s were refused, and %s took effect after that: a longer run or a smaller quota shows more",
			report.Count(int(f.refused), "write"), report.Count(int(f.after), "write"))
	}
	f.result.Covers = fmt.Sprintf("at most %s variables of %s bytes; %s writes were refused, and %s took effect after the first; the variables at the end, on %s",
		report.Grouped(f.most.variables), report.Grouped(f.most.bytes), report.Grouped(f.refused), report.Grouped(f.after), report.Count(len(f.nodes), "node"))
	return f.result
}
