package session

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// The first page fixes the position of all later ones.
func TestTxPosition(t *testing.T) {
	s := full(3)
	var tx Tx
	first, other := tx.Get("00000"), tx.Get("00001")
	if q := first.Query(0); q.Flags != 0 || q.At != 0 || q.From != "00000" || q.To != "00000\x00" {
		t.Errorf("%+v", q)
	}
	ask(&tx, &first, s)
	s.position = 9
	ask(&tx, &other, s)
	if tx.Position() != 5 {
		t.Errorf("it moves to %d", tx.Position())
	}
	count := tx.Count("a", "b")
	for _, scan := range []Scan{tx.Get("00002"), tx.Scan(wire.ScanQuery{Flags: wire.ScanReverse}).Pages, count} {
		if q := scan.Query(0); q.Flags&wire.ScanAt == 0 || q.At != 5 {
			t.Errorf("%+v", q)
		}
	}
	if q := count.Query(0); q.Flags != wire.ScanAt|wire.ScanCount || q.From != "a" || q.To != "b" {
		t.Errorf("%+v", q)
	}
}

// What changes when a variable expires counts as a write, of its bytes as well, and takes nothing
// from what is known of the variable.
func TestTxWritesOfTime(t *testing.T) {
	var tx Tx
	for _, o := range []wire.TxnOp{
		{Kind: wire.TxnExpire, Key: "read", TTL: 7},
		{Kind: wire.TxnPersist, Key: "read"},
		{Kind: wire.TxnAdd, Key: "added", Delta: 1},
		{Kind: wire.TxnExpire, Key: "added", TTL: 7},
		{Kind: wire.TxnPut, Key: "put"},
		{Kind: wire.TxnPersist, Key: "put"},
		{Kind: wire.TxnDelete, Key: "gone"},
	} {
		if status := tx.Write(o); status != wire.StatusOK {
			t.Fatalf("%+v: %d", o, status)
		}
	}
	for key, want := range map[string][2]bool{"read": {false, false}, "none": {false, false}, "added": {true, true}, "put": {true, true}, "gone": {false, true}} {
		if exists, ok := tx.Exists(key); exists != want[0] || ok != want[1] {
			t.Errorf("%q exists: %v, %v, want %v", key, exists, ok, want)
		}
	}
	if txn := tx.Commit(); len(txn.Then) != 7 || txn.Then[1].Kind != wire.TxnPersist || txn.Then[3].TTL != 7 || !tx.Writes() {
		t.Errorf("%+v", txn)
	}
	if tx.writes.bytes != len("readreadaddedaddedputputgone") {
		t.Errorf("%d bytes", tx.writes.bytes)
	}
	for len(tx.writes.ops) < wire.MaxTxnOps {
		tx.Write(wire.TxnOp{Kind: wire.TxnPersist, Key: "k"})
	}
	if status := tx.Write(wire.TxnOp{Kind: wire.TxnPersist, Key: "k"}); status != wire.StatusTooLarge || len(tx.writes.ops) != wire.MaxTxnOps {
		t.Errorf("one more write has status %d", status)
	}
}

// Writes to one variable follow each other.
func TestTxWritesFollowEachOther(t *testing.T) {
	write := func(kind wire.TxnKind, value string, delta int64) wire.TxnOp {
		return wire.TxnOp{Kind: kind, Key: "k", Value: []byte(value), Delta: delta}
	}
	for i, tc := range []struct {
		ops    []wire.TxnOp
		exists bool
		value  string
		last   wire.Status
	}{
		{[]wire.TxnOp{write(wire.TxnPut, "5", 0), write(wire.TxnDelete, "", 0)}, false, "", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "5", 0), write(wire.TxnDelete, "", 0), write(wire.TxnAdd, "", 3)}, true, "3", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "5", 0), write(wire.TxnDelete, "", 0), write(wire.TxnAppend, "x", 0)}, true, "x", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "5", 0), write(wire.TxnAdd, "", -1)}, true, "4", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "9223372036854775806", 0), write(wire.TxnAdd, "", 1)}, true, "9223372036854775807", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "9223372036854775807", 0), write(wire.TxnAdd, "", 1)}, true, "9223372036854775807", wire.StatusOverflow},
		{[]wire.TxnOp{write(wire.TxnPut, "-9223372036854775807", 0), write(wire.TxnAdd, "", -1)}, true, "-9223372036854775808", wire.StatusOK},
		{[]wire.TxnOp{write(wire.TxnPut, "-9223372036854775808", 0), write(wire.TxnAdd, "", -1)}, true, "-9223372036854775808", wire.StatusOverflow},
	} {
		var tx Tx
		var status wire.Status
		for _, o := range tc.ops {
			status = tx.Write(o)
		}
		item, ok := tx.Written("k")
		if status != tc.last || !ok || item.Exists != tc.exists || string(item.Value) != tc.value {
			t.Errorf("%d: status %d, %+v, %v", i, status, item, ok)
		}
	}
}

// A scan has the bounds of its range, also for what the transaction has written, and needs no
// values if it shows none.
func TestTxScanBounds(t *testing.T) {
	s := full(0)
	s.set("b", "x", 1)
	var tx Tx
	for _, key := range []string{"a", "b", "c"} {
		tx.Write(wire.TxnOp{Kind: wire.TxnAdd, Key: key, Delta: 1})
	}
	for _, flags := range []wire.ScanFlags{wire.ScanKeys, wire.ScanKeys | wire.ScanReverse} {
		scan := tx.Scan(wire.ScanQuery{From: "b", To: "c", Flags: flags})
		if item, step := s.next(&tx, scan); step != TxHere || item.Key != "b" || item.Version != 0 {
			t.Errorf("%+v, step %d", item, step)
		}
		if item, step := s.next(&tx, scan); step != TxEnd {
			t.Errorf("%+v, step %d", item, step)
		}
	}
}

// What a scan in reverse has seen is bounded, too.
func TestTxReverseIsBounded(t *testing.T) {
	s := full(wire.MaxRangeEntries + 1)
	var tx Tx
	scan := tx.Scan(wire.ScanQuery{Flags: wire.ScanReverse | wire.ScanKeys})
	n := 0
	for {
		_, step := s.next(&tx, scan)
		if step != TxHere {
			if n != wire.MaxRangeEntries || step != TxRefused || scan.Refused != "00000" {
				t.Errorf("%d variables, step %d at %q", n, step, scan.Refused)
			}
			break
		}
		n++
	}
	if _, step := scan.Next(); step != TxEnd {
		t.Errorf("step %d after that", step)
	}
}
