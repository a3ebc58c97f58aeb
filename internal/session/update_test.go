package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// What becomes of an update follows from the reply to its commit.
func TestUpdateEnds(t *testing.T) {
	txn := &wire.Txn{If: []wire.Cond{{Key: "a"}, {Key: "b"}}}
	for i, tc := range []struct {
		reply         wire.Reply
		done, unknown bool
		want          Outcome
		changed       string
		conflicts     int
	}{
		{wire.Reply{Number: wire.TxnThen}, true, false, Committed, "", 0},
		{wire.Reply{Number: wire.TxnElse, Version: 1}, true, false, Conflicted, "a", 1},
		{wire.Reply{Number: wire.TxnElse, Version: 2}, true, false, Conflicted, "b", 1},
		{wire.Reply{Number: wire.TxnElse, Version: 3}, true, false, Conflicted, "", 1},
		{wire.Reply{Number: wire.TxnElse}, true, false, Conflicted, "", 1},
		{wire.Reply{Number: wire.TxnThen}, false, true, Failed, "", 0},
		{wire.Reply{Number: wire.TxnElse, Version: 1}, false, true, Failed, "", 0},
		{wire.Reply{Number: wire.TxnElse, Version: 1}, false, false, Failed, "", 0},
	} {
		var u Update
		got, changed := u.Ended(txn, &tc.reply, tc.done, tc.unknown)
		key := ""
		if changed != nil {
			key = changed.Key
		}
		if got != tc.want || key != tc.changed || u.Conflicts() != tc.conflicts || u.Attempts() != tc.conflicts {
			t.Errorf("%d: %d for %q, %d conflicts", i, got, key, u.Conflicts())
		}
	}
}

// An update waits for its turn after three conflicts, over what most of them were about.
func TestUpdateTurn(t *testing.T) {
	for _, tc := range []struct {
		over []string
		key  string
		due  bool
	}{
		{nil, "", false},
		{[]string{"a", "a"}, "a", false},
		{[]string{"a", "a", "b"}, "a", true},
		{[]string{"a", "b", "b"}, "b", true},
		{[]string{"a", "b", "c"}, "c", true},
		{[]string{"a", "b", "a", "b"}, "b", true},
	} {
		var u Update
		for _, key := range tc.over {
			u.Ended(&wire.Txn{If: []wire.Cond{{Key: key}}}, &wire.Reply{Version: 1}, true, false)
		}
		if key, due := u.Turn(); key != tc.key || due != tc.due {
			t.Errorf("%q: %q, %v", tc.over, key, due)
		}
	}
	var gone Update
	for range 9 {
		gone.Gone()
	}
	if _, due := gone.Turn(); due || gone.Attempts() != 9 || gone.Conflicts() != 0 {
		t.Error("states that are gone are taken for conflicts")
	}
}

func TestUpdatePause(t *testing.T) {
	var u Update
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 64, 64}
	for i, most := range want {
		if most *= time.Millisecond; i%2 == 0 {
			u.Gone()
		} else {
			u.Ended(&wire.Txn{}, &wire.Reply{}, true, false)
		}
		if u.Pause(0) != 0 || u.Pause(0.5) != most/2 {
			t.Errorf("after %d: %v to %v, want up to %v", i+1, u.Pause(0), 2*u.Pause(0.5), most)
		}
	}
	for range 1000 {
		u.Gone()
	}
	if u.Pause(0.5) != 32*time.Millisecond {
		t.Error(u.Pause(0.5))
	}
}

// full is a server with so many variables.
func full(n int) *txServer {
	s := &txServer{position: 5, state: make(map[string]wire.ScanItem), pages: 3000}
	for i := range n {
		s.set(fmt.Sprintf("%05d", i), "", 1)
	}
	return s
}

// drain passes all of a range.
func (s *txServer) drain(t *Tx, from, to string) (n int, last TxStep) {
	scan := t.Scan(wire.ScanQuery{From: from, To: to, Flags: wire.ScanKeys})
	for {
		_, step := s.next(t, scan)
		if step != TxHere {
			return n, step
		}
		n++
	}
}

// What scans may see is bounded, and so are the ranges.
func TestTxSeenIsBounded(t *testing.T) {
	s := full(wire.MaxRangeEntries + 1)
	var tx Tx
	if n, step := s.drain(&tx, "", "10000"); n != wire.MaxRangeEntries || step != TxEnd {
		t.Errorf("%d, step %d", n, step)
	}
	if n, step := s.drain(&tx, "00500", "00600"); n != 100 || step != TxEnd {
		t.Errorf("once more: %d, step %d", n, step)
	}
	if n, step := s.drain(&tx, "10000", ""); n != 0 || step != TxRefused {
		t.Errorf("one more: %d, step %d", n, step)
	}
	viewed := Tx{ReadOnly: true}
	if n, step := s.drain(&viewed, "", ""); n != wire.MaxRangeEntries+1 || step != TxEnd {
		t.Errorf("without conditions: %d, step %d", n, step)
	}
	if txn := viewed.Commit(); len(txn.If) != 0 {
		t.Errorf("%d conditions", len(txn.If))
	}

	var many Tx
	for i := range wire.MaxTxnOps {
		key := fmt.Sprintf("%05d", 2*i)
		if _, step := s.drain(&many, key, key+"\x00"); step != TxEnd {
			t.Fatalf("range %d: step %d", i, step)
		}
	}
	scan := many.Scan(wire.ScanQuery{From: "09999", To: "0999\x00"})
	if _, step := s.next(&many, scan); step != TxRefused || scan.Status != wire.StatusTooLarge {
		t.Errorf("one range more: step %d", step)
	}
	if _, step := scan.Next(); step != TxEnd {
		t.Errorf("it goes on after that: step %d", step)
	}
}

// What is read is bounded. What a scan has seen as well does not count.
func TestTxReadsAreBounded(t *testing.T) {
	s := full(6000)
	var tx Tx
	get := func(i int) wire.Status {
		_, status := s.get(&tx, fmt.Sprintf("%05d", i))
		return status
	}
	for i := range wire.MaxTxnOps {
		for range 2 {
			if get(i) != wire.StatusOK {
				t.Fatalf("read %d", i)
			}
		}
	}
	if get(5000) != wire.StatusTooLarge {
		t.Error("one more is read")
	}
	s.drain(&tx, "00100", "00200")
	for i := range 100 {
		if get(5000+i) != wire.StatusOK {
			t.Fatalf("read %d", 5000+i)
		}
	}
	if get(5999) != wire.StatusTooLarge || get(150) != wire.StatusOK {
		t.Error("one more is read, or one is not that a scan has seen")
	}
	txn := tx.Commit()
	if len(txn.If) != wire.MaxTxnOps+1 || txn.If[0].Key != "00000" || txn.If[100].Key != "00200" || txn.If[wire.MaxTxnOps].Range.Count != 100 {
		t.Errorf("%d conditions", len(txn.If))
	}
	viewed := Tx{ReadOnly: true}
	for i := range wire.MaxTxnOps + 1 {
		if _, status := s.get(&viewed, fmt.Sprintf("%05d", i)); status != wire.StatusOK {
			t.Fatal("reads of a View are bounded")
		}
	}
	if len(viewed.reads)+len(viewed.versions) != 0 {
		t.Error("reads of a View are kept")
	}
}

// What is written is bounded to the operation and to the byte.
func TestTxWritesAreBounded(t *testing.T) {
	var tx Tx
	for range wire.MaxTxnOps {
		if tx.Write(wire.TxnOp{Kind: wire.TxnDelete, Key: "k"}) != wire.StatusOK {
			t.Fatal("too early")
		}
	}
	if tx.Write(wire.TxnOp{Kind: wire.TxnDelete, Key: "k"}) != wire.StatusTooLarge {
		t.Error("one more is written")
	}
	var long Tx
	value := make([]byte, wire.MaxTxnBytes/2-1)
	if long.Write(wire.TxnOp{Kind: wire.TxnPut, Key: "k", Value: value}) != wire.StatusOK || long.Write(wire.TxnOp{Kind: wire.TxnAppend, Key: "l", Value: value}) != wire.StatusOK {
		t.Error("too early")
	}
	if long.Write(wire.TxnOp{Kind: wire.TxnDelete, Key: "m"}) != wire.StatusTooLarge || len(long.writes.ops) != 2 {
		t.Error("one byte more is written")
	}
}

// Adds and appends to what was not read are tried when it is, and change nothing if they cannot be.
func TestTxDrafts(t *testing.T) {
	s := full(0)
	s.set("k", "x", 1)
	s.set("most", "9223372036854775806", 2)
	add := func(key string, delta int64) wire.TxnOp { return wire.TxnOp{Kind: wire.TxnAdd, Key: key, Delta: delta} }
	var tx Tx
	if tx.Write(add("k", 1)) != wire.StatusOK || tx.Write(add("most", 1)) != wire.StatusOK || tx.Write(add("most", 1)) != wire.StatusOK {
		t.Error("a blind add is refused")
	}
	if _, ok := tx.Written("k"); ok {
		t.Error("what servers have is known already")
	}
	for range 2 {
		if _, status := s.get(&tx, "k"); status != wire.StatusNotInteger {
			t.Errorf("status %d", status)
		}
		if _, status := s.get(&tx, "most"); status != wire.StatusOverflow {
			t.Errorf("status %d", status)
		}
	}
	scan := tx.Scan(wire.ScanQuery{From: "k"})
	if _, step := s.next(&tx, scan); step != TxRefused || scan.Refused != "k" || scan.Status != wire.StatusNotInteger {
		t.Errorf("step %d, %q, status %d", step, scan.Refused, scan.Status)
	}
	var least Tx
	least.Write(wire.TxnOp{Kind: wire.TxnPut, Key: "n", Value: []byte("-9223372036854775808")})
	if least.Write(add("n", -1)) != wire.StatusOverflow || least.Write(add("n", 1<<63-1)) != wire.StatusOK || least.Write(add("n", 0)) != wire.StatusOK {
		t.Error("the least number")
	}
	if item, ok := least.Written("n"); !ok || string(item.Value) != "-1" || !item.Exists || item.Key != "n" {
		t.Errorf("%+v", item)
	}
	if item, status := s.get(&tx, "none"); item.Exists || item.Key != "none" || status != wire.StatusOK {
		t.Errorf("%+v, %d", item, status)
	}
}

// What a transaction appends to stays with whoever has read it.
func TestTxAppendsToItsOwn(t *testing.T) {
	s := full(0)
	base := append(make([]byte, 0, 100), "abc"...)
	s.state["k"] = wire.ScanItem{Key: "k", Version: 1, Value: base}
	var tx Tx
	if _, status := tx.Got("k", []wire.ScanItem{s.state["k"]}); status != wire.StatusOK {
		t.Fatal(status)
	}
	app := func(text string) wire.TxnOp { return wire.TxnOp{Kind: wire.TxnAppend, Key: "k", Value: []byte(text)} }
	tx.Write(app("d"))
	first, _ := tx.Got("k", []wire.ScanItem{s.state["k"]})
	tx.Write(app("e"))
	second, _ := tx.Written("k")
	if string(first.Value) != "abcd" || string(second.Value) != "abcde" || string(base[:5]) != "abc\x00\x00" {
		t.Errorf("%q, %q, of %q", first.Value, second.Value, base[:5])
	}
}

// Spans that overlap or touch are one.
func TestTxSpans(t *testing.T) {
	for _, tc := range []struct{ cover, want []span }{
		{[]span{{"a", "b"}, {"c", "d"}}, []span{{"a", "b"}, {"c", "d"}}},
		{[]span{{"c", "d"}, {"a", "b"}}, []span{{"a", "b"}, {"c", "d"}}},
		{[]span{{"a", "b"}, {"b", "c"}}, []span{{"a", "c"}}},
		{[]span{{"b", "c"}, {"a", "b"}}, []span{{"a", "c"}}},
		{[]span{{"a", "d"}, {"b", "c"}}, []span{{"a", "d"}}},
		{[]span{{"b", "c"}, {"a", "d"}}, []span{{"a", "d"}}},
		{[]span{{"a", "b"}, {"c", "d"}, {"e", "f"}, {"aa", "ee"}}, []span{{"a", "f"}}},
		{[]span{{"a", "b"}, {"c", "d"}, {"e", "f"}, {"c", ""}}, []span{{"a", "b"}, {"c", ""}}},
		{[]span{{"c", ""}, {"d", "e"}}, []span{{"c", ""}}},
		{[]span{{"c", ""}, {"a", "c"}}, []span{{"a", ""}}},
		{[]span{{"c", ""}, {"", ""}}, []span{{"", ""}}},
	} {
		var s seen
		for _, one := range tc.cover {
			s.cover(one.from, one.to)
		}
		if !slices.Equal(s.spans, tc.want) {
			t.Errorf("%q: %q, want %q", tc.cover, s.spans, tc.want)
		}
		for _, key := range []string{"", "a", "ab", "b", "c", "cc", "d", "e", "z"} {
			in := slices.ContainsFunc(tc.cover, func(one span) bool { return key >= one.from && (one.to == "" || key < one.to) })
			if s.has(key) != in {
				t.Errorf("%q: %q is in: %v", tc.cover, key, !in)
			}
		}
	}
}
