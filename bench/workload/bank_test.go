package workload

import (
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// fewAccounts make clients meet, and run out of money.
func fewAccounts(w *load.Workload) { w.Keys = 4 }

func TestBank(t *testing.T) {
	passesUnlessSpoiled(t, "bank", 1000, fewAccounts, []spoiled{
		{"half a transfer", func(m *model) {
			m.do = func(m *model, _ int, r *load.Request, a *load.Answer) bool {
				var txn wire.Txn
				if r.Kind != history.Txn || m.done[history.Txn]%20 != 0 || txn.Decode(r.Value) != nil {
					return false
				}
				m.position++
				m.step(&txn.Then[0])
				a.Position, a.Version, a.Sum = m.position, m.position, wire.TxnThen
				return true
			}
		}, "shows the sum 39"},
		{"a torn scan", func(m *model) {
			m.spoil = once(history.ReadRange, 3, func(_ *load.Request, a *load.Answer) { a.Items[1].Head = []byte("1") })
		}, "a scan of client"},
		{"an account that is missing", func(m *model) {
			m.values["p/account/000009"] = held{[]byte("0"), 1}
		}, "of 5 accounts"},
		{"an account without a balance", func(m *model) {
			m.spoil = once(history.ReadRange, 3, func(_ *load.Request, a *load.Answer) { a.Items[1].Head = []byte("x") })
		}, `with the balance "x"`},
		{"an overdrawn account", func(m *model) {
			m.spoil = once(history.ReadRange, 3, func(_ *load.Request, a *load.Answer) { a.Items[0].Head = []byte("-1") })
		}, `with the balance "-1"`},
		{"a wrong count", func(m *model) {
			m.spoil = once(history.CountRange, 1, func(_ *load.Request, a *load.Answer) { a.Found++ })
		}, "found 5 accounts of 4"},
		{"a replica that differs", func(m *model) {
			m.replica = func(node int, r *Replica) {
				if node == 2 {
					r.Items[0].Head = []byte("0")
				}
			}
		}, "n3 shows the sum"},
		{"a replica at another position", func(m *model) {
			m.replica = func(node int, r *Replica) { r.Position += uint64(node) }
		}, "and others at"},
	})
}

// Clients of a bank do all that there is to do, and meet.
func TestBankIsBusy(t *testing.T) {
	m := newModel(t, "bank", 5, fewAccounts)
	r := m.run(1000)
	for _, kind := range []history.Kind{history.Get, history.Txn, history.ReadRange, history.CountRange} {
		if m.done[kind] < 5 {
			t.Errorf("%d of %s", m.done[kind], kind)
		}
	}
	if m.done[history.Set] != 4 || m.conflicts < 20 || m.done[history.Txn] < m.conflicts+100 {
		t.Errorf("%d accounts are opened, %d of %d transfers meet another", m.done[history.Set], m.conflicts, m.done[history.Txn])
	}
	const want = "bank: sum 4,000 at position 0 on n1, n2, n3"
	m.invariant.(*bank).at, m.invariant.(*bank).nodes = 0, []string{"n3", "n1#4", "n2"}
	if note := m.invariant.Note(); note != want || !r.Pass() {
		t.Errorf("%q, want %q", note, want)
	}
}

// A scan that comes before all accounts are open, or fails, shows nothing.
func TestBankBeginsWhenItIsOpen(t *testing.T) {
	b := newBank(2)
	scan := func(position uint64, status history.Status) {
		b.Complete(&history.Op{Kind: history.ReadRange, Position: position, Status: status, Scan: &history.Scan{}})
		b.Complete(&history.Op{Kind: history.CountRange, Position: position, Status: status, Scan: &history.Scan{}})
	}
	b.Complete(&history.Op{Kind: history.Set, Position: 5, Status: history.OK})
	b.Complete(&history.Op{Kind: history.Set, Position: 4, Status: history.OK})
	scan(4, history.OK)
	scan(9, history.Fail)
	if r := b.Finish(); r.Events > 0 || !r.Pass() {
		t.Errorf("%+v", r)
	}
	if note := b.Note(); note != "" {
		t.Errorf("nothing was looked at, and the note is %q", note)
	}
	scan(5, history.OK)
	b.Miss("n2", "it is gone")
	if r := b.Finish(); r.Events != 2 || r.Violations != 2 || r.Unchecked != 1 || r.Texts[2] != "could not check: what n2 holds at the end is not known: it is gone" {
		t.Errorf("%+v", r)
	}
}

// Without enough money a client gives up, and never commits.
func TestBankRefusesOverdrafts(t *testing.T) {
	m := newModel(t, "bank", 1, fewAccounts)
	c := m.clients[0].(*teller)
	var r load.Request
	for range 1000 {
		c.Next(&r)
		switch {
		case r.Kind == history.Txn:
			t.Fatal("it commits")
		case c.doing == bankReadFrom:
			c.Learn(&r, &load.Answer{Status: history.OK, Value: []byte("0"), Version: 1})
		}
		if c.doing != bankNothing {
			t.Fatalf("it goes on with step %d", c.doing)
		}
	}
}
