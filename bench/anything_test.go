package bench

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// anything is a client that does every transaction that there can be on a few variables.
type anything struct {
	keys    []string
	random  *rand.Rand
	version uint64 // of some variable
	seen    *outcomes
}

// outcomes counts what became of transactions.
type outcomes struct {
	then, otherwise, conflict, notInteger, overflow atomic.Int64
}

// Preload fills r with the first value of a variable.
func (c *anything) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys[key], Value: []byte("1")}
}

// Next fills r with a transaction, or now and then a scan.
func (c *anything) Next(r *load.Request) {
	if c.random.IntN(20) == 0 {
		*r = load.Request{Kind: history.ReadRange, Key: "v", Scan: &history.Scan{Reverse: c.random.IntN(2) == 0, Limit: c.random.IntN(5)}}
		return
	}
	var t wire.Txn
	for range c.random.IntN(3) {
		cond := c.condition()
		cond.Key = c.key()
		t.If = append(t.If, cond)
	}
	t.Then, t.Else = c.operations(), c.operations()
	load.TxnRequest(r, &t)
}

func (c *anything) key() string { return c.keys[c.random.IntN(len(c.keys))] }

func (c *anything) condition() wire.Cond {
	switch c.random.IntN(4) {
	case 0:
		return wire.Cond{Kind: wire.CondVersion, Version: c.version}
	case 1:
		return wire.Cond{Kind: wire.CondVersion} // absent
	case 2:
		return wire.Cond{Kind: wire.CondValue, Value: c.value()}
	default:
		return wire.Cond{Kind: wire.CondPresent}
	}
}

func (c *anything) value() []byte {
	return [][]byte{[]byte("1"), []byte("x"), {}, []byte("9223372036854775807")}[c.random.IntN(4)]
}

func (c *anything) operations() (ops []wire.TxnOp) {
	for range c.random.IntN(5) {
		o := wire.TxnOp{Key: c.key(), Kind: wire.TxnPut + wire.TxnKind(c.random.IntN(5))}
		if c.random.IntN(8) == 0 {
			o.If = c.condition()
		}
		switch o.Kind {
		case wire.TxnPut, wire.TxnAppend:
			o.Value = c.value()
		case wire.TxnAdd:
			o.Delta = c.random.Int64N(4) - 1
		}
		o.Old = o.Kind != wire.TxnRead && c.random.IntN(2) == 0
		ops = append(ops, o)
	}
	return ops
}

// Learn counts what became of a transaction.
func (c *anything) Learn(r *load.Request, a *load.Answer) {
	c.version = max(c.version, a.Version)
	switch {
	case r.Kind != history.Txn:
	case a.Done():
		c.seen.then.Add(1)
	case a.Status == history.OK:
		c.seen.otherwise.Add(1)
	case a.Because == history.Conflict:
		c.seen.conflict.Add(1)
	case a.Because == history.NotInteger:
		c.seen.notInteger.Add(1)
	case a.Because == history.Overflow:
		c.seen.overflow.Add(1)
	}
}

// TestRealTransactions does all kinds of transactions on real nodes. The checks carry each out
// again, and compare its branch, its results, and why it failed.
func TestRealTransactions(t *testing.T) {
	seen := &outcomes{}
	table := workload.Table
	t.Cleanup(func() { workload.Table = table })
	workload.Table = append(table[:len(table):len(table)], workload.Row{
		Name: "anything", Transactions: true, Ranges: true, Defaults: func(*load.Workload) {},
		Start: func(w *load.Workload, prefix string) (*load.Keyspace, workload.Invariant) {
			var keys []string
			for i := range w.Keys {
				keys = append(keys, prefix+"v"+strconv.Itoa(i))
			}
			k := load.NameKeys(w, keys)
			k.Choose = func(k *load.Keyspace, id int) load.Chooser {
				return &anything{keys: k.Plain, random: rand.New(rand.NewPCG(1, uint64(id))), seen: seen}
			}
			return k, nil
		},
	})
	cfg := shortConfig()
	cfg.Name, cfg.Keys = "anything", 6
	dir := t.TempDir()
	cfg.HistoryFile, cfg.DeliveryLogDir = filepath.Join(dir, "history"), filepath.Join(dir, "logs")
	r := runUntilDone(t, cfg, 1000, history.Txn)
	if !r.Pass || r.Errors > 0 {
		t.Errorf("failures %q, notes %q, checks %+v", r.Failures, r.Notes, r.Checks)
	}
	secondOpinion(t, buildChecker(t), &cfg)
	for name, n := range map[string]*atomic.Int64{
		"then": &seen.then, "else": &seen.otherwise, "conflict": &seen.conflict, "no integer": &seen.notInteger, "overflow": &seen.overflow,
	} {
		if n.Load() == 0 {
			t.Errorf("%s: %d", name, n.Load())
		}
	}
}
