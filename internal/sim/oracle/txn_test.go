package oracle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// judge has the oracle follow an order of transactions with these results, and returns what it says.
func judge(results []wire.Result, txns ...wire.Txn) (said string) {
	type ended struct{}
	defer func() {
		if r := recover(); r != nil && r != any(ended{}) {
			panic(r)
		}
	}()
	counts := &Counts{}
	o := New(Config{SessionTTL: 1e9, Tick: 1e9, Counts: counts, MaxClientSessions: 1, Fail: func(format string, args ...any) {
		said = fmt.Sprintf(format, args...)
		panic(ended{})
	}})
	o.Command(1, &wire.Command{Op: wire.OpOpenSession}, &wire.Result{Position: 1}, nil)
	o.Command(2, &wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: []byte("7")}, &wire.Result{Position: 2}, nil)
	exists := map[string]bool{"k": true}
	for i := range txns {
		var data []byte
		for _, op := range txns[i].Branch(results[i].Number == wire.TxnThen) { // which put
			var one wire.TxnResult
			if exists[op.Key] {
				one.Has = wire.TxnFound
			}
			exists[op.Key] = true
			data = one.Append(data)
		}
		results[i].Position = uint64(3 + i)
		o.Command(uint64(3+i), &wire.Command{Op: wire.OpTxn, Session: 1, Seq: uint64(2 + i), Floor: 1, Value: txns[i].Append(nil)}, &results[i], data)
	}
	return fmt.Sprintf("held %d, changed %d", counts.RangesHeld, counts.RangesChanged)
}

// A condition on a range is one on the variables in it.
func TestRanges(t *testing.T) {
	var h wire.RangeHash
	h.Add("k", 2)
	sum := h.Sum()
	in := func(from, to string, count uint64, sum wire.RangeSum) wire.Cond {
		return wire.Cond{Kind: wire.CondRange, Key: from, Range: &wire.RangeState{To: to, Count: count, Sum: sum}}
	}
	for i, tc := range []struct {
		cond  wire.Cond
		holds bool
	}{
		{in("", "", 1, sum), true},
		{in("k", "k\x00", 1, sum), true},
		{in("l", "", 0, h.Sum()), true},
		{in("", "k", 0, h.Sum()), true},
		{in("", "", 0, h.Sum()), false},
		{in("", "", 2, sum), false},
		{in("", "", 1, h.Sum()), false},
		{in("l", "", 1, sum), false},
		{in("", "k", 1, sum), false},
	} {
		txn := wire.Txn{If: []wire.Cond{{Kind: wire.CondPresent, Key: "k"}, tc.cond}}
		then, other := wire.Result{Number: wire.TxnThen}, wire.Result{Number: wire.TxnElse, Version: 2}
		want := "held 1, changed 0"
		if !tc.holds {
			then, other, want = other, then, "held 0, changed 1"
		}
		if said := judge([]wire.Result{then}, txn); said != want {
			t.Errorf("%d: %s, want %s", i, said, want)
		}
		if said := judge([]wire.Result{other}, txn); !strings.HasPrefix(said, "results: ") {
			t.Errorf("%d: %s of the other branch", i, said)
		}
	}
}

// An update may be done once, whatever is in between.
func TestUpdatesAreDoneOnce(t *testing.T) {
	update := func(key, number string) wire.Txn {
		return wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: key, Value: []byte(number)}}}
	}
	never := update(UpdateKey+"0", "1")
	never.If = []wire.Cond{{Kind: wire.CondPresent, Key: "none"}}
	for _, tc := range []struct {
		txns []wire.Txn
		want string
	}{
		{[]wire.Txn{update(UpdateKey+"0", "1"), update(UpdateKey+"1", "1"), update(UpdateKey+"0", "2")}, "held 0"},
		{[]wire.Txn{never, update("x", "1"), update(UpdateKey+"0", "1")}, "held 0"},
		{[]wire.Txn{update(UpdateKey+"0", "1"), update(UpdateKey+"0", "1")}, "exactly once: the update upd0 1 is done at 3 and at 4"},
	} {
		var results []wire.Result
		for i := range tc.txns {
			r := wire.Result{Number: wire.TxnThen}
			if len(tc.txns[i].If) > 0 {
				r = wire.Result{Number: wire.TxnElse, Version: 1}
			}
			results = append(results, r)
		}
		said := judge(results, tc.txns...)
		if !strings.HasPrefix(said, tc.want) {
			t.Errorf("%s, want %s", said, tc.want)
		}
	}
}
