package workload

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
)

// Writes are counted whichever comes first, the order or the client.
func TestLedger(t *testing.T) {
	told := func(l *ledger, seq uint64, status history.Status) {
		l.complete(&history.Op{Session: 1, Seq: seq, Status: status}, "k")
	}
	for name, tc := range map[string]struct {
		do          func(l *ledger)
		acked, took int64
		open        int
	}{
		"acknowledged, then in the order": {func(l *ledger) { told(l, 1, history.OK); l.effect(1, 1, "k") }, 1, 0, 0},
		"in the order, then acknowledged": {func(l *ledger) { l.effect(1, 1, "k"); told(l, 1, history.OK) }, 1, 0, 0},
		"unknown, then in the order":      {func(l *ledger) { told(l, 1, history.Unknown); l.effect(1, 1, "k") }, 0, 1, 0},
		"in the order, then unknown":      {func(l *ledger) { l.effect(1, 1, "k"); told(l, 1, history.Unknown) }, 0, 1, 0},
		"unknown, and never there":        {func(l *ledger) { told(l, 1, history.Unknown) }, 0, 0, 1},
		"never a command":                 {func(l *ledger) { told(l, 0, history.Unknown) }, 0, 0, 0},
		"refused":                         {func(l *ledger) { told(l, 1, history.Fail) }, 0, 0, 0},
		"of nobody":                       {func(l *ledger) { l.effect(1, 1, "k") }, 0, 0, 1},
		"another number":                  {func(l *ledger) { told(l, 1, history.Unknown); l.effect(1, 2, "k") }, 0, 0, 2},
		"another session":                 {func(l *ledger) { told(l, 1, history.Unknown); l.effect(2, 1, "k") }, 0, 0, 2},
	} {
		l := newLedger()
		tc.do(&l)
		if one := l.of("k"); one.acked != tc.acked || one.took != tc.took || len(l.open) != tc.open {
			t.Errorf("%s: %+v, %d open", name, one, len(l.open))
		}
		l.of("other").acked, l.of("other").took = 10, 20
		if acked, took := l.total(); acked != tc.acked+10 || took != tc.took+20 {
			t.Errorf("%s: %d and %d in all", name, acked, took)
		}
	}
}

func TestBits(t *testing.T) {
	var b bits
	for _, n := range []uint64{1, 63, 64, 1000} {
		if !b.add(n) || b.add(n) || b.most != n {
			t.Errorf("%d: the highest is %d", n, b.most)
		}
	}
	if b.add(maxBits) || b.add(2) && b.most != 1000 {
		t.Errorf("beyond the bound: the highest is %d", b.most)
	}
}
