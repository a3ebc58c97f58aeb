package workload

import (
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestGroups(t *testing.T) {
	few := func(w *load.Workload) { w.Keys = 40 }
	other := func(i int) func(*load.Request, *load.Answer) {
		return func(_ *load.Request, a *load.Answer) {
			if len(a.Items) > i {
				a.Items[i].Head = []byte("other")
			}
		}
	}
	passesUnlessSpoiled(t, "scan", 400, few, []spoiled{
		{"half a write", func(m *model) {
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
		}, "in the group"},
		{"another value in a scan", func(m *model) { m.spoil = every(history.ReadRange, other(1)) }, `and "other" in the group`},
		{"a variable that is missing in a scan", func(m *model) {
			m.spoil = every(history.ReadRange, func(_ *load.Request, a *load.Answer) {
				if len(a.Items) == groupSize {
					a.Items = a.Items[1:]
				}
			})
		}, "9 of the 10 variables"},
		{"a variable that is missing in a limited scan", func(m *model) {
			m.spoil = every(history.ReadRange, func(r *load.Request, a *load.Answer) {
				if r.Scan.Limit > groupSize && len(a.Items) == r.Scan.Limit {
					a.Items = append(a.Items[1:], a.Items[len(a.Items)-1])
				}
			})
		}, "9 of the 10 variables"},
		{"a count of a part", func(m *model) {
			m.spoil = every(history.CountRange, func(_ *load.Request, a *load.Answer) { a.Found++ })
		}, "variables of whole groups"},
		{"a replica that differs", func(m *model) {
			m.replica = func(_ int, r *Replica) { r.Items[0].Head = []byte("other") }
		}, "n1 shows"},
	})
}

// every calls f with each request of a kind.
func every(kind history.Kind, f func(r *load.Request, a *load.Answer)) func(*model, *load.Request, *load.Answer) {
	return func(_ *model, r *load.Request, a *load.Answer) {
		if r.Kind == kind {
			f(r, a)
		}
	}
}

// Groups are looked at in all ways, in whole and in part, and written in all ways.
func TestGroupsAreBusy(t *testing.T) {
	m := newModel(t, "scan", 5, func(w *load.Workload) { w.Keys = 40 })
	seen := map[string]int{}
	m.spoil = func(_ *model, r *load.Request, a *load.Answer) {
		switch {
		case r.Kind == history.Txn:
			var txn wire.Txn
			if err := txn.Decode(r.Value); err != nil {
				t.Fatal(err)
			}
			seen["delete"] += map[bool]int{true: 1}[txn.Then[0].Kind == wire.TxnDelete]
			seen["if"] += len(txn.If)
			seen["condition"] += int(txn.Then[groupSize-1].If.Kind)
			seen["conflict"] += map[bool]int{true: 1}[a.Conflicts(r)]
		case r.Scan == nil:
		case r.Scan.Reverse:
			seen["reverse"]++
		case r.Kind == history.CountRange:
			seen["count"]++
		case r.Scan.Limit > 0:
			seen["limit"]++
		default:
			seen["scan"]++
		}
		if len(a.Items) > groupSize {
			seen["more than one"]++
		}
	}
	r := m.run(1000)
	for _, what := range []string{"delete", "if", "condition", "conflict", "reverse", "count", "limit", "scan", "more than one"} {
		if seen[what] < 20 {
			t.Errorf("%s: %d", what, seen[what])
		}
	}
	if !r.Pass() || m.invariant.(*groups).writes < 500 {
		t.Errorf("%+v", r)
	}
}

// What is seen before all variables are there, or is no answer, shows nothing.
func TestGroupsBeginWhenTheyAreLoaded(t *testing.T) {
	g := newGroups("p/", 10)
	items := []history.Item{history.NewItem("p/group/00000/0", 1, nil)}
	scan := func(position uint64, status history.Status) {
		g.Complete(&history.Op{Kind: history.ReadRange, Position: position, Status: status, Scan: &history.Scan{Items: items}})
		g.Complete(&history.Op{Kind: history.CountRange, Position: position, Status: status, Scan: &history.Scan{Found: 1}})
	}
	g.Complete(&history.Op{Kind: history.Set, Position: 5, Status: history.OK})
	g.Complete(&history.Op{Kind: history.Set, Position: 4, Status: history.OK})
	scan(4, history.OK)
	scan(9, history.Fail)
	if r := g.Finish(); r.Events > 0 || !r.Pass() {
		t.Errorf("%+v", r)
	}
	scan(5, history.OK)
	if r := g.Finish(); r.Events != 2 || r.Violations != 2 {
		t.Errorf("%+v", r)
	}
	for keys, ok := range map[int]bool{0: false, 10: true, 15: false, 100_000: true, 100_010: false} {
		if err := validateGroups(&load.Workload{Keys: keys}); (err == nil) != ok {
			t.Errorf("%d variables: %v", keys, err)
		}
	}
}
