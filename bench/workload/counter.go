package workload

import (
	"fmt"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	counters     = 10 // by default
	mostCounters = 10_000
	counterReads = 0.1 // of the operations
)

func counterDefaults(w *load.Workload) { w.Keys, w.Writes = counters, 1-counterReads }

func validateCounter(w *load.Workload) error {
	return program.CheckInt("keys", w.Keys, 1, mostCounters)
}

// startCounter names the counters.
func startCounter(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return "counter/" + digits(i, 5) })
	k.Choose = func(k *load.Keyspace, id int) load.Chooser { return &counting{newClient(k, id)} }
	return k, newCounter(k.Plain)
}

// counting is a client that increments counters.
type counting struct{ client }

// Preload fills r with the first value of a counter, 0.
func (c *counting) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Plain[key], Value: []byte("0")}
}

// Next fills r with an increment, or a read.
func (c *counting) Next(r *load.Request) {
	key := c.someKey()
	if c.chance(counterReads) {
		*r = load.Request{Kind: history.Get, Key: key}
	} else {
		*r = load.Request{Kind: history.Add, Key: key, Delta: 1}
	}
}

// Learn needs no answer.
func (c *counting) Learn(*load.Request, *load.Answer) {}

// counter is the invariant: each increment counts once, and no two are told the same sum.
type counter struct {
	tally
	ledger
	sums map[string]*bits // that clients were told, of each counter
}

func newCounter(keys []string) *counter {
	c := &counter{
		tally:  tally{result: check.Result{Name: "counter", Kept: "a bit for each sum"}},
		ledger: newLedger(), sums: make(map[string]*bits),
	}
	for _, key := range keys {
		c.sums[key] = &bits{}
	}
	return c
}

// Order takes a command.
func (c *counter) Order(e *check.Entry) {
	if cmd := &e.Command; e.OK && cmd.Op == wire.OpAdd && c.sums[cmd.Key] != nil {
		c.effect(cmd.Session, cmd.Seq, cmd.Key)
	}
}

// Complete takes an operation.
func (c *counter) Complete(o *history.Op) {
	if o.Kind != history.Add {
		return
	}
	c.complete(o, o.Key)
	if o.Status != history.OK {
		return
	}
	c.result.Events++
	switch {
	case o.Sum < 1:
		c.violate("an increment of %q by client %d at %s, position %d, was told the sum %d", o.Key, o.Client, o.Node, o.Position, o.Sum)
	case !c.sums[o.Key].add(uint64(o.Sum)):
		c.violate("two increments of %q were told the sum %d, one of them client %d at %s, position %d", o.Key, o.Sum, o.Client, o.Node, o.Position)
	}
}

// Replica takes the counters at the end.
func (c *counter) Replica(r *Replica) {
	if !c.reached(r) {
		return
	}
	if len(r.Items) != len(c.sums) {
		c.violate("%s has %d counters at the end, of %d", r.Node, len(r.Items), len(c.sums))
	}
	for i := range r.Items {
		one := &r.Items[i]
		w := c.of(one.Key)
		if n, ok := number(one.Head); !ok || n != w.acked+w.took {
			c.violate("%s has %q at %q at the end: %d increments were acknowledged, and %d of unknown outcome took effect",
				r.Node, one.Key, one.Head, w.acked, w.took)
		}
		if told := c.sums[one.Key]; told != nil && told.most > uint64(w.acked+w.took) {
			c.violate("an increment of %q was told the sum %d, and there were %d", one.Key, told.most, w.acked+w.took)
		}
	}
}

// Finish returns what was found.
func (c *counter) Finish() check.Result {
	acked, took := c.total()
	c.result.Covers = fmt.Sprintf("%s increments were told different sums; at the end all count, and %s of unknown outcome that took effect, on %s",
		report.Grouped(acked), report.Grouped(took), report.Count(len(c.nodes), "node"))
	return c.result
}

// bits is a set of numbers that has few gaps.
type bits struct {
	words []uint64
	most  uint64
}

// maxBits bounds a set.
const maxBits = 1 << 32

// add reports whether n was not there yet. Beyond the bound, it is there.
func (b *bits) add(n uint64) bool {
	if n >= maxBits {
		return false
	}
	for n/64 >= uint64(len(b.words)) {
		b.words = append(b.words, 0)
	}
	word, bit := &b.words[n/64], uint64(1)<<(n%64)
	isNew := *word&bit == 0
	*word |= bit
	b.most = max(b.most, n)
	return isNew
}
