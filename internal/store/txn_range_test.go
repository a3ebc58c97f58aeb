package store

import (
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// seen is the condition that a range has these variables.
func seen(from, to string, items ...Item) wire.Cond {
	var h wire.RangeHash
	for _, i := range items {
		h.Add(i.Key, i.Version)
	}
	return wire.Cond{Kind: wire.CondRange, Key: from, Range: &wire.RangeState{To: to, Count: uint64(len(items)), Sum: h.Sum()}}
}

// A condition on a range holds if the range has the same variables of the same versions,
// and no others.
func TestRangeHolds(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, set(s, 1, 1, "a", "")) // at 2
	f.want(wire.StatusOK, set(s, 2, 1, "b", ""))
	f.want(wire.StatusOK, set(s, 3, 1, "gone", ""))
	f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: s, Seq: 4, Floor: 1, Key: "gone"})
	f.want(wire.StatusOK, set(s, 5, 1, "h", ""))
	a, b, gone, h := Item{Key: "a", Version: 2}, Item{Key: "b", Version: 3}, Item{Key: "gone", Version: 4}, Item{Key: "h", Version: 6}
	for i, tc := range []struct {
		cond  wire.Cond
		holds bool
	}{
		{seen("", "", a, b, h), true},
		{seen("", "", b, a, h), false},
		{seen("", "", a, b, gone, h), false},
		{seen("", "", a, b), false},
		{seen("", "", a, b, Item{Key: "h", Version: 5}), false},
		{seen("", "", a, b, Item{Key: "i", Version: 6}), false},
		{seen("a", "b", a), true},
		{seen("a", "b\x00", a, b), true},
		{seen("a\x00", "", b, h), true},
		{seen("a", "b"), false},
		{seen("b", "b\x00"), false},
		{seen("c", "h"), true},
		{seen("c", "h", gone), false},
		{seen("i", ""), true},
		{seen("h", "", h), true},
	} {
		r := f.want(wire.StatusOK, txnOf(s, uint64(6+i), 6, wire.Txn{If: []wire.Cond{tc.cond}}))
		if holds := r.Number == wire.TxnThen; holds != tc.holds || holds != (r.Version == 0) {
			t.Errorf("%d: %+v, want %v", i, r, tc.holds)
		}
	}
}

// A range is looked at before anything of its transaction is done, and each of several by
// itself.
func TestRangesOfOneTransaction(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, set(s, 1, 1, "a", ""))
	both := wire.Txn{If: []wire.Cond{seen("", "b", Item{Key: "a", Version: 2}), seen("b", "")}, Then: []wire.TxnOp{put("b", "1")}, Else: []wire.TxnOp{put("c", "2")}}
	f.want(wire.StatusOK, txnOf(s, 2, 1, both))
	f.holds("b", "1", 3)
	if r := f.want(wire.StatusOK, txnOf(s, 3, 1, both)); r.Version != 2 {
		t.Errorf("%+v", r)
	}
	f.holds("c", "2", 4)
}

// A range that has more than the condition says is left at the first variable too many.
func TestRangeStopsEarly(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	var ops []wire.TxnOp
	for i := range 1000 {
		ops = append(ops, put(fmt.Sprintf("k%03d", i), ""))
	}
	f.want(wire.StatusOK, txn(s, 1, 1, ops...))
	for i := 2; i < 1000; i++ {
		f.s.variables.entries.find(fmt.Sprintf("k%03d", i)).current.Store(nil) // whoever looks at it panics
	}
	c := seen("", "", Item{Key: "k000", Version: 2})
	if f.s.variables.rangeHolds(new(wire.RangeHash), &c) {
		t.Error("a range of 1000 is taken for one of 1")
	}
}
