package workload

import (
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// limited has a model keep a quota, by sums over all variables.
func limited(quota usage) func(m *model, client int, r *load.Request, a *load.Answer) bool {
	return func(m *model, client int, r *load.Request, a *load.Answer) bool {
		if r.Kind != history.Set {
			return false
		}
		sum := func() (u usage) {
			for key, v := range m.values {
				u.bytes, u.variables = u.bytes+int64(len(key)+len(v.value)), u.variables+1
			}
			return u
		}
		before, old := sum(), m.values[r.Key]
		m.values[r.Key] = held{r.Value, m.position}
		after := sum()
		if delete(m.values, r.Key); old.version != 0 {
			m.values[r.Key] = old
		}
		if (after.bytes <= quota.bytes || after.bytes <= before.bytes) && (after.variables <= quota.variables || after.variables <= before.variables) {
			return false
		}
		m.position++
		m.seqs[client]++
		*a = load.Answer{Status: history.Fail, Because: history.Quota, Position: m.position, Seq: m.seqs[client], Node: "n1"}
		m.order(client, r, a)
		return true
	}
}

// newFilled is a model with a quota: of bytes or of variables.
func newFilled(t *testing.T, quota usage) *model {
	m := newModel(t, "fill", 3, func(w *load.Workload) {
		w.Keys, w.QuotaBytes, w.QuotaVariables = 20, quota.bytes, quota.variables
	})
	m.do = limited(quota)
	return m
}

func TestFill(t *testing.T) {
	const many = 1 << 40
	for _, quota := range []usage{{800, many}, {many, 10}, {700, 10}} {
		m := newFilled(t, quota)
		r := m.run(300)
		f := m.invariant.(*fill)
		if !r.Pass() || f.refused < 20 || f.after < 20 || f.most.bytes > quota.bytes || f.most.variables > quota.variables || m.done[history.Delete] < 20 {
			t.Errorf("%+v: %+v, most %+v", quota, r, f.most)
		}
	}
}

// A group that keeps no quota, or another, is found.
func TestFillSpoiled(t *testing.T) {
	few := usage{1 << 40, 10}
	for _, test := range []struct {
		name  string
		spoil func(m *model)
		want  string
	}{
		{"no quota", func(m *model) { m.do = nil }, "0 writes were refused"},
		{"a quota that is too high", func(m *model) { m.do = limited(usage{1 << 40, 11}) }, "which exceed the quota"},
		{"a quota that is forgotten", func(m *model) {
			m.invariant.Order(&check.Entry{OK: true, Command: wire.Command{Op: wire.OpQuota}})
			m.do = nil
		}, "which exceed the quota"},
		{"a quota that is too low", func(m *model) { m.do = limited(usage{1 << 40, 9}) }, "was refused, and does not exceed the quota"},
		{"a refusal that is not ordered", func(m *model) {
			m.spoil = once(history.Get, 50, func(_ *load.Request, a *load.Answer) { a.Because, a.Seq = history.Quota, 1<<40 })
		}, "1 write were refused and are not in the order"},
		{"a replica that lacks one", func(m *model) {
			m.replica = func(node int, r *Replica) { r.Items = r.Items[min(node, 1):] }
		}, "n2 has "},
		{"nothing is refused", func(m *model) { m.do = limited(usage{1 << 40, 30}); m.invariant = newFill(&load.Workload{}) }, "0 writes were refused"},
	} {
		m := newFilled(t, few)
		test.spoil(m)
		if r := m.run(300); r.Pass() || !strings.Contains(strings.Join(r.Texts, "; "), test.want) {
			t.Errorf("%s: %+v, want %q", test.name, r, test.want)
		}
	}
}

// A refusal is judged where it was decided, also if its client hears of it first, or if the
// write is in the order again.
func TestFillOrder(t *testing.T) {
	set := func(seq uint64, key string, ok bool) *check.Entry {
		return &check.Entry{OK: ok, Command: wire.Command{Op: wire.OpSet, Key: key, Session: 1, Seq: seq}}
	}
	refused := &history.Op{Session: 1, Seq: 2, Kind: history.Set, Status: history.Fail, Because: history.Quota}
	gone := &check.Entry{OK: true, Command: wire.Command{Op: wire.OpDelete, Key: "a", Session: 1, Seq: 3}}
	for _, told := range []int{1, 2, 4} {
		f := newFill(&load.Workload{QuotaVariables: 1})
		for i, e := range []*check.Entry{set(1, "a", true), set(2, "b", false), gone, set(2, "b", false), set(4, "b", true)} {
			if i == told {
				f.Complete(refused)
			}
			f.Order(e)
		}
		if r := f.Finish(); !r.Pass() {
			t.Errorf("told before %d: %+v", told, r)
		}
	}
}

// A quota that comes late finds more than it allows: writes that leave less go on.
func TestFillLateQuota(t *testing.T) {
	for _, test := range []struct {
		quota usage
		size  int // of a value in place of one of 20 bytes
		want  string
	}{
		{usage{10, 0}, 20, ""},
		{usage{10, 0}, 19, ""},
		{usage{10, 0}, 21, "which exceed the quota"},
		{usage{0, 1}, 21, ""},
	} {
		f := newFill(&load.Workload{QuotaBytes: test.quota.bytes, QuotaVariables: test.quota.variables})
		set := func(key string, size int) {
			f.Order(&check.Entry{OK: true, Command: wire.Command{Op: wire.OpSet, Key: key, Value: make([]byte, size)}})
		}
		set("a", 20)
		set("b", 20)
		f.Order(&check.Entry{OK: true, Command: wire.Command{Op: wire.OpQuota}})
		set("a", test.size)
		if texts := strings.Join(f.result.Texts, "; "); (f.result.Violations > 0) != (test.want != "") || !strings.Contains(texts, test.want) {
			t.Errorf("%+v: %q", test, texts)
		}
	}
}
