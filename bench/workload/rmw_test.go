package workload

import (
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestRMW(t *testing.T) {
	few := func(w *load.Workload) { w.Keys = 3 }
	passesUnlessSpoiled(t, "rmw", 300, few, []spoiled{
		{"a stale read", func(m *model) {
			m.spoil = once(history.Get, 50, func(_ *load.Request, a *load.Answer) { a.Value = []byte("0000000000000000 0 0") })
		}, "an update was lost"},
		{"a condition that is ignored", func(m *model) {
			m.do = func(m *model, client int, r *load.Request, a *load.Answer) bool {
				if r.Kind != history.CompareAndSet || m.values[r.Key].version == r.Expect {
					return false
				}
				forced := *r
				forced.Expect = m.values[r.Key].version
				m.carryOut(client, &forced, a)
				return true
			}
		}, "an update was lost"},
		{"a transaction whose condition is ignored", func(m *model) {
			m.do = func(m *model, _ int, r *load.Request, a *load.Answer) bool {
				var txn wire.Txn
				if r.Kind != history.Txn || txn.Decode(r.Value) != nil || len(txn.If) == 0 || m.values[txn.If[0].Key].version == txn.If[0].Version {
					return false
				}
				m.position++
				m.step(&txn.Then[0])
				a.Position, a.Version, a.Sum, a.Seq = m.position, m.position, wire.TxnThen, 1_000_000+m.position
				m.invariant.Order(&check.Entry{Position: m.position, Command: wire.Command{Op: wire.OpTxn, Value: r.Value, Session: 1, Seq: a.Seq}, OK: true})
				return true
			}
		}, "an update was lost"},
		{"an update that is acknowledged, and nowhere", func(m *model) {
			m.do = func(m *model, _ int, r *load.Request, a *load.Answer) bool {
				a.Seq = 1_000_000
				return r.Kind == history.CompareAndSet && m.done[r.Kind] == 20
			}
		}, "were acknowledged"},
		{"a replica that has something else", func(m *model) {
			m.replica = func(_ int, r *Replica) { r.Items[0] = history.NewItem(r.Items[0].Key, 1, []byte("x")) }
		}, "which is not the end of its chain"},
		{"a replica that has another variable", func(m *model) {
			m.replica = func(_ int, r *Replica) { r.Items[0].Key = "p/other" }
		}, "which is not the end of its chain"},
		{"a replica that lacks one", func(m *model) {
			m.replica = func(_ int, r *Replica) { r.Items = r.Items[1:] }
		}, "has 2 variables at the end, of 3"},
	})
}

// Clients write in each of three ways, meet, and try again.
func TestRMWIsBusy(t *testing.T) {
	m := newModel(t, "rmw", 5, func(w *load.Workload) { w.Keys = 3 })
	conditions, own := 0, 0
	m.spoil = every(history.Txn, func(r *load.Request, _ *load.Answer) {
		var txn wire.Txn
		if err := txn.Decode(r.Value); err != nil || len(txn.Then) != 1 {
			t.Fatalf("%+v, %v", txn, err)
		}
		conditions += len(txn.If)
		own += int(txn.Then[0].If.Kind)
	})
	r := m.run(1000)
	if conditions < 200 || own < 200 {
		t.Errorf("%d transactions have a condition, and the operation of %d has one", conditions, own)
	}
	if c := m.invariant.(*chained); !r.Pass() || m.conflicts < 100 || m.done[history.CompareAndSet] < 100 || m.done[history.Txn] < 300 || c.result.Events < 500 {
		t.Errorf("%d conflicts, %v: %+v", m.conflicts, m.done, r)
	}
}

// A value follows the one that it was made of, and no other.
func TestLink(t *testing.T) {
	first := link(nil, 3, 1)
	second := link(first, 40, 1000)
	if !follows(first, nil) || !follows(second, first) || string(link(first, 40, 1000)) != string(second) {
		t.Errorf("%q, %q", first, second)
	}
	for _, value := range [][]byte{link(nil, 40, 1000), link(first, 41, 1000)[:10], []byte("x y z"), []byte("0123456789abcdef ! 1"), []byte("0123456789abcdef 1 !"), nil} {
		if follows(value, first) {
			t.Errorf("%q follows %q", value, first)
		}
	}
	changed := append([]byte{}, second...)
	changed[len(changed)-1]++
	if follows(changed, first) || follows(first, second) {
		t.Error("another number follows, or the value before")
	}
}

// Writes of others, and what did not take effect, are passed by.
func TestRMWPassesByOthers(t *testing.T) {
	c := newChained("p/", 1)
	put := func(op wire.Op, key string, ok bool, value []byte) {
		c.Order(&check.Entry{Position: 9, Command: wire.Command{Op: op, Key: key, Value: value}, OK: ok})
	}
	put(wire.OpSet, "elsewhere", true, nil)
	put(wire.OpCompareAndSet, "elsewhere", true, nil)
	put(wire.OpSet, "p/chain/0", false, nil)
	put(wire.OpTxn, "", true, (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "elsewhere"}}}).Append(nil))
	put(wire.OpTxn, "", true, []byte("x"))
	put(wire.OpSet, "p/chain/1", true, link(nil, 0, 1))
	two := wire.TxnOp{Kind: wire.TxnPut, Key: "p/chain/1"}
	put(wire.OpTxn, "", true, (&wire.Txn{Then: []wire.TxnOp{two, two}}).Append(nil))
	delete(c.links, "p/chain/1")
	c.Complete(&history.Op{Kind: history.Set, Seq: 1, Status: history.OK, Value: (&wire.Txn{Then: []wire.TxnOp{two}}).Append(nil)})
	if acked, _ := c.total(); acked > 0 {
		t.Error("the first value counts as an update")
	}
	if r := c.Finish(); !r.Pass() || r.Events > 0 || len(c.links) > 0 {
		t.Errorf("%+v", r)
	}
}
