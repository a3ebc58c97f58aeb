package workload

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// What variables that expire are.
const (
	defaultTTL = time.Second
	leastTTL   = 20 * time.Millisecond
	mostTTL    = time.Minute // since the run waits for the last to expire

	dueBatch   = 1000 // variables that one transaction makes expire
	dueWritten = 1000 // variables that are written while others expire
)

func ttlDefaults(w *load.Workload) { w.Writes, w.TTL = 1, defaultTTL }

func validateTTL(w *load.Workload) error {
	if w.TTL < leastTTL || w.TTL > mostTTL {
		return program.BadFlag("ttl", w.TTL.String(), "must be from 20ms to 1m")
	}
	return nil
}

// startTTL names the variables that expire.
func startTTL(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return "ttl/" + digits(i, 8) })
	if !w.AtOnce {
		k.Choose = func(k *load.Keyspace, id int) load.Chooser {
			return &tenant{client: newClient(k, id), values: load.NewValues(k, id)}
		}
		return k, newExpiries(false)
	}
	for i := range min(dueWritten, w.Keys) {
		k.Counters = append(k.Counters, prefix+"write/"+digits(i, 4))
	}
	clock := load.NewClock()
	d := &deadline{keys: k, now: clock.Now}
	k.Choose = func(k *load.Keyspace, id int) load.Chooser {
		return &bystander{client: newClient(k, id), values: load.NewValues(k, id), due: d}
	}
	return k, newExpiries(true)
}

// tenant is a client that takes variables which do not exist, for the time of their TTL.
type tenant struct {
	client
	values *load.Values
}

// Preload fills r with the first taking of a variable.
func (c *tenant) Preload(r *load.Request, key int) { c.take(r, c.keys.Plain[key]) }

// Next fills r with another try.
func (c *tenant) Next(r *load.Request) {
	c.take(r, c.keys.Plain[c.random.IntN(len(c.keys.Plain))])
}

// take sets a variable that does not exist, so that each is set once in its life.
func (c *tenant) take(r *load.Request, key string) {
	load.TxnRequest(r, &wire.Txn{Then: []wire.TxnOp{{
		Kind: wire.TxnPut, Key: key, Value: c.values.Next(), TTL: millis(c.keys.TTL), If: wire.Cond{Kind: wire.CondVersion},
	}}})
}

// Learn does not matter.
func (c *tenant) Learn(*load.Request, *load.Answer) {}

// bystander is a client that writes variables which stay, while all others expire at once. It
// has helped to give those their TTLs.
type bystander struct {
	client
	values *load.Values
	due    *deadline
}

// Preload fills r with the first write of a variable, without a TTL.
func (c *bystander) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Plain[key], Value: c.values.Next()}
}

// Prepare fills r with the next part of giving all variables their TTL.
func (c *bystander) Prepare(r *load.Request) bool { return c.due.next(r) }

// Next fills r with a write.
func (c *bystander) Next(r *load.Request) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Counters[c.random.IntN(len(c.keys.Counters))], Value: c.values.Next()}
}

// Learn does not matter.
func (c *bystander) Learn(*load.Request, *load.Answer) {}

// deadline is when all variables expire. Clients share it.
type deadline struct {
	keys  *load.Keyspace
	now   func() int64
	at    atomic.Int64 // 0: nobody has begun
	given atomic.Int64 // variables that have their TTL or are about to have it, or more
}

// next fills r with a transaction that gives some variables what is left until the deadline,
// and reports false if all have it.
func (d *deadline) next(r *load.Request) bool {
	end := int(d.given.Add(dueBatch))
	begin := end - dueBatch
	if begin >= len(d.keys.Plain) {
		return false
	}
	now := d.now()
	d.at.CompareAndSwap(0, now+int64(d.keys.TTL))
	left := max(time.Duration(d.at.Load()-now), time.Millisecond)
	var t wire.Txn
	for _, key := range d.keys.Plain[begin:min(end, len(d.keys.Plain))] {
		t.Then = append(t.Then, wire.TxnOp{Kind: wire.TxnExpire, Key: key, TTL: millis(left)})
	}
	load.TxnRequest(r, &t)
	return true
}

// millis is a TTL in milliseconds, rounded up.
func millis(d time.Duration) uint64 { return uint64((d + time.Millisecond - 1) / time.Millisecond) }
