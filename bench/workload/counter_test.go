package workload

import (
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
)

func TestCounter(t *testing.T) {
	few := func(w *load.Workload) { w.Keys = 3 }
	passesUnlessSpoiled(t, "counter", 200, few, []spoiled{
		{"the same sum twice", func(m *model) {
			m.spoil = once(history.Add, 50, func(_ *load.Request, a *load.Answer) { a.Sum-- })
		}, "two increments of"},
		{"no sum", func(m *model) {
			m.spoil = once(history.Add, 50, func(_ *load.Request, a *load.Answer) { a.Sum = 0 })
		}, "was told the sum 0"},
		{"a sum too high", func(m *model) {
			m.spoil = once(history.Add, 50, func(_ *load.Request, a *load.Answer) { a.Sum += 10_000 })
		}, "and there were"},
		{"a lost increment", func(m *model) {
			m.do = func(m *model, _ int, r *load.Request, a *load.Answer) bool {
				if r.Kind != history.Add || m.done[history.Add] != 50 {
					return false
				}
				a.Sum, a.Seq = 1_000_000, 1_000_000
				return true
			}
		}, "increments were acknowledged, and 0 of unknown outcome took effect"},
		{"an increment that counts twice", func(m *model) {
			m.spoil = once(history.Add, 50, func(r *load.Request, _ *load.Answer) { m.add(r.Key, 1) })
		}, "increments were acknowledged"},
		{"a replica that lacks one", func(m *model) {
			m.replica = func(node int, r *Replica) { r.Items = r.Items[min(node, 1):] }
		}, "n2 has 2 counters at the end, of 3"},
		{"a replica behind", func(m *model) {
			m.replica = func(_ int, r *Replica) { r.Items[0] = history.NewItem(r.Items[0].Key, 1, []byte("1")) }
		}, `at "1" at the end`},
	})
}

// Increments of unknown outcome count if they took effect, and only then.
func TestCounterOfUnknownOutcome(t *testing.T) {
	for _, takes := range []bool{false, true} {
		m := newModel(t, "counter", 2, nil)
		m.do = func(m *model, client int, r *load.Request, a *load.Answer) bool {
			if r.Kind != history.Add || m.done[history.Add]%7 != 0 {
				return false
			}
			if m.seqs[client]++; takes {
				m.seqs[client]--
				m.carryOut(client, r, a)
			}
			*a = load.Answer{Status: history.Unknown, Seq: m.seqs[client]}
			return true
		}
		r := m.run(500)
		if _, took := m.invariant.(*counter).total(); !r.Pass() || (took > 0) != takes {
			t.Errorf("they take effect: %v, %d did: %+v", takes, took, r)
		}
	}
}
