package check

import (
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// seen is the condition that a range has these variables.
func seen(from, to string, items ...wire.ScanItem) wire.Cond {
	var h wire.RangeHash
	for _, i := range items {
		h.Add(i.Key, i.Version)
	}
	return wire.Cond{Kind: wire.CondRange, Key: from, Range: &wire.RangeState{To: to, Count: uint64(len(items)), Sum: h.Sum()}}
}

// Which branch runs follows from what is in a range.
func TestTxnRange(t *testing.T) {
	a, b, gone := wire.ScanItem{Key: "a", Version: 2}, wire.ScanItem{Key: "b", Version: 1}, wire.ScanItem{Key: "gone", Version: 3}
	for i, tc := range []struct {
		cond wire.Cond
		then bool
	}{
		{seen("", "", a, b), true},
		{seen("a", "", a, b), true},
		{seen("a", "b", a), true},
		{seen("a\x00", "b\x00", b), true},
		{seen("c", ""), true},
		{seen("", "", a, b, gone), false},
		{seen("", "", b, a), false},
		{seen("", "", a), false},
		{seen("", ""), false},
		{seen("b", "c"), false},
		{seen("", "", a, wire.ScanItem{Key: "b", Version: 2}), false},
	} {
		for branch, want := range []string{"was told branch 0, and branch 1 ran", "was told branch 1, and branch 0 ran"} {
			r := newTxnRun(Options{})
			for _, key := range []string{"b", "a", "gone"} {
				at := r.order(wire.Command{Op: wire.OpSet, Key: key, Value: []byte("v")}, true)
				r.c.Complete(&history.Op{Session: 1, Seq: at, Kind: history.Set, Key: key, Value: []byte("v"), Status: history.OK, Position: at, Version: at, Start: int64(2 * at), End: int64(2*at + 1)})
			}
			r.order(wire.Command{Op: wire.OpDelete, Key: "gone"}, true)
			r.c.Complete(&history.Op{Session: 1, Seq: 4, Kind: history.Delete, Key: "gone", Status: history.OK, Position: 4, Start: 8, End: 9})
			txn := &wire.Txn{If: []wire.Cond{tc.cond}, Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "c"}}}
			at := r.order(txnCommand(txn), true)
			var results []wire.TxnResult
			if tc.then {
				results = []wire.TxnResult{{}}
			}
			r.told(txn, history.Op{Status: history.OK, Position: at, Version: at, Sum: int64(branch)}, results...)
			got := r.verdict()
			if wrong := tc.then != (branch == wire.TxnThen); wrong != strings.Contains(got, want) || wrong != (got != "") {
				t.Errorf("%d, told branch %d: %q", i, branch, got)
			}
		}
	}
}

// What a transaction writes is in the ranges of later ones.
func TestTxnRangeAfterTxn(t *testing.T) {
	r := newTxnRun(Options{})
	first := &wire.Txn{If: []wire.Cond{seen("", "")}, Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "b"}, {Kind: wire.TxnPut, Key: "a"}}}
	at := r.order(txnCommand(first), true)
	r.told(first, history.Op{Status: history.OK, Position: at, Version: at, Sum: wire.TxnThen}, wire.TxnResult{}, wire.TxnResult{})
	second := &wire.Txn{If: []wire.Cond{seen("", "", wire.ScanItem{Key: "a", Version: 1}, wire.ScanItem{Key: "b", Version: 1})}, Then: []wire.TxnOp{{Kind: wire.TxnDelete, Key: "a"}}}
	at = r.order(txnCommand(second), true)
	r.told(second, history.Op{Status: history.OK, Position: at, Version: at, Sum: wire.TxnThen}, wire.TxnResult{Has: wire.TxnFound})
	if got := r.verdict(); got != "" {
		t.Error(got)
	}
}

// In a group with others, a range is known if all of it is ours.
func TestTxnRangeOfOthers(t *testing.T) {
	for _, tc := range []struct {
		prefix, from, to string
		known            bool
	}{
		{"", "", "", true},
		{"p/", "p/", "p0", true},
		{"p/", "p/a", "p/b", true},
		{"p/", "p/a", "p1", false},
		{"p/", "p/a", "p0\x00", false},
		{"p/", "p/a", "", false},
		{"p/", "p", "p/b", false},
		{"p/", "", "p/b", false},
		{"p\xff", "p\xffa", "q", true},
		{"p\xff", "p\xffa", "q\x00", false},
		{"\xff", "\xff", "", true},
	} {
		r := NewReads(tc.prefix, 0)
		c := seen(tc.from, tc.to)
		if got := r.knows(&c); got != tc.known {
			t.Errorf("%q: %q to %q: %v", tc.prefix, tc.from, tc.to, got)
		}
	}
	run := newTxnRun(Options{Shared: true, Prefix: "p/"})
	run.order(txnCommand(&wire.Txn{If: []wire.Cond{seen("", "")}, Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "p/a"}}}), true)
	if got := run.verdict(); !strings.Contains(got, "it has variables of others") {
		t.Error(got)
	}
}
