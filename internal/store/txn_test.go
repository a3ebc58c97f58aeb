package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// txn is a transaction without conditions.
func txn(session, seq, floor uint64, ops ...wire.TxnOp) wire.Command {
	return txnOf(session, seq, floor, wire.Txn{Then: ops})
}

func txnOf(session, seq, floor uint64, t wire.Txn) wire.Command {
	return wire.Command{Op: wire.OpTxn, Session: session, Seq: seq, Floor: floor, Value: t.Append(nil)}
}

func put(key, value string) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte(value)}
}

func appended(key, value string) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnAppend, Key: key, Value: []byte(value)}
}

// results applies a transaction that is done, and returns what its operations return.
func (f *feeder) results(c wire.Command) []wire.TxnResult {
	f.t.Helper()
	f.want(wire.StatusOK, c)
	list, err := wire.DecodeTxnResults(dataOf(&f.out, 0))
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// holds demands that a variable has a value and a version.
func (f *feeder) holds(key, value string, version uint64) {
	f.t.Helper()
	if v, at, _ := f.s.Get(key); string(v) != value || at != version {
		f.t.Errorf("%s is %q of version %d, want %q of %d", key, v, at, value, version)
	}
}

// Operations see those before them; all versions are the transaction's position; each
// returns what it should.
func TestTxnResults(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, set(s, 1, 1, "a", "old"))
	f.want(wire.StatusOK, set(s, 2, 1, "n", "41"))
	f.want(wire.StatusOK, set(s, 3, 1, "gone", "x"))
	old := put("a", "new")
	old.Old = true
	got := f.results(txn(s, 4, 1,
		old,
		put("b", "1"),
		wire.TxnOp{Kind: wire.TxnAdd, Key: "n", Delta: 1},
		appended("a", "er"),
		appended("l", "first"),
		wire.TxnOp{Kind: wire.TxnDelete, Key: "gone", Old: true},
		wire.TxnOp{Kind: wire.TxnDelete, Key: "never"},
		wire.TxnOp{Kind: wire.TxnRead, Key: "a"},
		wire.TxnOp{Kind: wire.TxnRead, Key: "gone"},
		put("b", "2"),
	))
	const found, value, number = wire.TxnFound, wire.TxnValue, wire.TxnNumber
	want := []wire.TxnResult{
		{Has: found | value, Version: 2, Value: []byte("old")},
		{},
		{Has: found | number, Number: 42},
		{Has: found | number, Number: 5},
		{Has: number, Number: 5},
		{Has: found | value, Version: 4, Value: []byte("x")},
		{},
		{Has: found | value, Version: 5, Value: []byte("newer")},
		{},
		{Has: found},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for key, value := range map[string]string{"a": "newer", "b": "2", "n": "42", "l": "first"} {
		f.holds(key, value, 5)
	}
	f.holds("gone", "", 0)
}

// What is put and deleted again, and was not there before, leaves nothing.
func TestTxnLeavesNothing(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, txn(s, 1, 1, put("a", "1"), wire.TxnOp{Kind: wire.TxnDelete, Key: "a"}, wire.TxnOp{Kind: wire.TxnRead, Key: "b"}))
	if n := f.s.variables.entries.count; n != 0 || f.s.variables.tombstones.Len() != 0 {
		t.Errorf("%d entries, %d tombstones", n, f.s.variables.tombstones.Len())
	}
}

// A transaction that fails changes nothing, and says which operation could not be done.
func TestTxnFails(t *testing.T) {
	long := strings.Repeat("v", 21)
	version := func(n uint64) wire.Cond { return wire.Cond{Kind: wire.CondVersion, Version: n} }
	is := func(v string) wire.Cond { return wire.Cond{Kind: wire.CondValue, Value: []byte(v)} }
	when := func(o wire.TxnOp, c wire.Cond) wire.TxnOp {
		o.If = c
		return o
	}
	first := put("k", "changed")
	no := []wire.Cond{{Kind: wire.CondPresent, Key: "absent"}}
	for _, tc := range []struct {
		name    string
		txn     wire.Txn
		status  wire.Status
		number  int64
		version uint64
	}{
		{"another version", wire.Txn{Then: []wire.TxnOp{first, when(put("k2", ""), version(2))}}, wire.StatusConflict, 1, 3},
		{"not absent", wire.Txn{Then: []wire.TxnOp{first, first, when(put("k2", ""), version(0))}}, wire.StatusConflict, 2, 3},
		{"written before", wire.Txn{Then: []wire.TxnOp{first, when(put("k", ""), version(2))}}, wire.StatusConflict, 1, 4},
		{"deleted before", wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnDelete, Key: "k"}, when(put("k", ""), version(2))}}, wire.StatusConflict, 1, 0},
		{"not present", wire.Txn{Then: []wire.TxnOp{when(put("absent", ""), wire.Cond{Kind: wire.CondPresent})}}, wire.StatusConflict, 0, 0},
		{"another value", wire.Txn{Then: []wire.TxnOp{first, when(put("k2", ""), is("other"))}}, wire.StatusConflict, 1, 3},
		{"a value of what is absent", wire.Txn{Then: []wire.TxnOp{first, when(put("absent", ""), is(""))}}, wire.StatusConflict, 1, 0},
		{"no number", wire.Txn{Then: []wire.TxnOp{first, {Kind: wire.TxnAdd, Key: "k2", Delta: 1}}}, wire.StatusNotInteger, 1, 0},
		{"an empty number", wire.Txn{Then: []wire.TxnOp{put("e", ""), {Kind: wire.TxnAdd, Key: "e", Delta: 1}}}, wire.StatusNotInteger, 1, 0},
		{"an overflow", wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "n", Delta: 1}, {Kind: wire.TxnAdd, Key: "n", Delta: 1<<63 - 1}}}, wire.StatusOverflow, 1, 0},
		{"a value too large", wire.Txn{Then: []wire.TxnOp{first, put("k", long)}}, wire.StatusTooLarge, 1, 0},
		{"appended too much", wire.Txn{Then: []wire.TxnOp{put("k", long[2:]), appended("k", "xx")}}, wire.StatusTooLarge, 1, 0},
		{"a reserved key", wire.Txn{Then: []wire.TxnOp{first, put("\x00", "")}}, wire.StatusBadRequest, 1, 0},
		{"no key", wire.Txn{Then: []wire.TxnOp{first, {Kind: wire.TxnRead}}}, wire.StatusBadRequest, 1, 0},
		{"a key too large", wire.Txn{Then: []wire.TxnOp{first, put("ninebytes", "")}}, wire.StatusTooLarge, 1, 0},
		{"in Else", wire.Txn{If: no, Then: []wire.TxnOp{first, first}, Else: []wire.TxnOp{first, put("", "")}}, wire.StatusBadRequest, 3, 0},
		{"a condition on a reserved key", wire.Txn{If: append(no, wire.Cond{Kind: wire.CondPresent, Key: "\x00"}), Else: []wire.TxnOp{first}}, wire.StatusBadRequest, -2, 0},
		{"a condition too large", wire.Txn{If: []wire.Cond{{Kind: wire.CondValue, Key: "k", Value: []byte(long)}}, Else: []wire.TxnOp{first}}, wire.StatusTooLarge, -1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFeeder(t, Limits{MaxKeyBytes: 8, MaxValueBytes: 20})
			s := f.open()
			f.want(wire.StatusOK, set(s, 1, 1, "k", "kept"))
			f.want(wire.StatusOK, set(s, 2, 1, "k2", "v"))
			variables := f.s.variables.sum
			c := txnOf(s, 3, 1, tc.txn)
			want := wire.Result{Status: tc.status, Position: 4, Number: tc.number, Version: tc.version}
			for range 2 { // the second is answered from the first
				if r, effect := f.apply(c); r != want || effect || len(f.out.Data) > 0 {
					t.Errorf("%+v, effect %v, data %v; want %+v", r, effect, f.out.Data, want)
				}
			}
			if f.s.variables.sum != variables {
				t.Error("it has changed variables")
			}
			f.holds("k", "kept", 2)
		})
	}
}

// All conditions of If must hold.
func TestTxnBranches(t *testing.T) {
	yes := wire.Cond{Kind: wire.CondPresent, Key: "k"}
	no := wire.Cond{Kind: wire.CondVersion, Key: "k", Version: 7}
	for i, tc := range []struct {
		conds []wire.Cond
		then  bool
	}{{nil, true}, {[]wire.Cond{yes}, true}, {[]wire.Cond{no}, false}, {[]wire.Cond{no, yes}, false}, {[]wire.Cond{yes, no}, false}, {[]wire.Cond{no, no}, false}} {
		f := newFeeder(t, Limits{})
		s := f.open()
		f.want(wire.StatusOK, set(s, 1, 1, "k", "v"))
		r := f.want(wire.StatusOK, txnOf(s, 2, 1, wire.Txn{If: tc.conds, Then: []wire.TxnOp{put("b", "then")}, Else: []wire.TxnOp{put("b", "else")}}))
		want, number, first := "else", int64(wire.TxnElse), slices.IndexFunc(tc.conds, func(c wire.Cond) bool { return c.Kind == no.Kind })+1
		if tc.then {
			want, number = "then", wire.TxnThen
		}
		if f.holds("b", want, 3); r.Number != number || r.Version != uint64(first) {
			t.Errorf("%d: branch %d, condition %d, want %d and %d", i, r.Number, r.Version, number, first)
		}
	}
}

// What is malformed or too large as a whole fails as a whole.
func TestTxnWhole(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	big := wire.Txn{Then: []wire.TxnOp{put("k", "")}}
	for len(big.Append(nil)) <= wire.MaxTxnBytes {
		big.Then = append(big.Then, put("k", strings.Repeat("v", 1<<20-100)))
	}
	for i, tc := range []struct {
		value  []byte
		status wire.Status
	}{
		{[]byte{9}, wire.StatusBadRequest}, {nil, wire.StatusBadRequest}, {big.Append(nil), wire.StatusTooLarge},
	} {
		r := f.want(tc.status, wire.Command{Op: wire.OpTxn, Session: s, Seq: uint64(i + 1), Floor: 1, Value: tc.value})
		if r.Number != wire.TxnWhole {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if r := f.want(wire.StatusOK, txn(s, 9, 1)); r.Number != wire.TxnThen || len(f.out.Data) > 0 {
		t.Errorf("one without operations: %+v, %v", r, f.out.Data)
	}
}

// The results of one transaction are bounded, and those of a session that are recorded.
// What a transaction looks at is bounded, too.
func TestTxnDataIsBounded(t *testing.T) {
	const size = 1 << 20
	f := newFeeder(t, Limits{MaxValueBytes: size})
	s := f.open()
	f.want(wire.StatusOK, set(s, 1, 1, "k", strings.Repeat("v", size-10)))
	read := wire.TxnOp{Kind: wire.TxnRead, Key: "k"}
	five := []wire.TxnOp{read, read, read, read, read} // 5 MiB less 10 times 5, and a few bytes each
	if r := f.want(wire.StatusTooLarge, txn(s, 2, 2, append(five, read)...)); r.Number != 5 {
		t.Errorf("%+v", r)
	}
	other := f.open()
	f.want(wire.StatusOK, txn(other, 1, 1, five...))
	first := bytes.Clone(dataOf(&f.out, 0))
	f.want(wire.StatusOK, txn(other, 2, 1, five...))
	digest, refused := f.s.Digest(), txn(other, 3, 1, put("new", ""), read)
	f.want(wire.StatusTooManyResults, refused)
	if f.s.Digest() != digest || len(f.out.Data) > 0 {
		t.Error("a transaction that was refused for its results has changed the state")
	}
	if _, effect := f.apply(txn(other, 1, 1)); effect || !bytes.Equal(dataOf(&f.out, 0), first) {
		t.Error("a repeated one has other results")
	}
	refused.Floor = 2
	f.want(wire.StatusOK, refused)
	if sess := f.s.sessions.byID[other]; sess.dataBytes != bytesOf(sess.data) || len(sess.data) != 2 || f.s.sessions.data != 2 {
		t.Errorf("%d bytes of %d results, %d in all", sess.dataBytes, len(sess.data), f.s.sessions.data)
	}
	refused = txn(other, 4, 4)
	f.want(wire.StatusOK, refused)
	if sess := f.s.sessions.byID[other]; sess.dataBytes != 0 || sess.data != nil || f.s.sessions.data != 0 {
		t.Errorf("%d bytes of results are kept", sess.dataBytes)
	}

	var looks []wire.TxnOp
	seq := uint64(2)
	for i := range maxTxnLoads/size + 2 {
		seq++
		key := fmt.Sprint("k", i)
		f.want(wire.StatusOK, set(s, seq, seq, key, strings.Repeat("v", size)))
		looks = append(looks, wire.TxnOp{Kind: wire.TxnDelete, Key: key, If: wire.Cond{Kind: wire.CondValue, Value: []byte(strings.Repeat("v", 20))}})
	}
	conds := make([]wire.Cond, len(looks))
	for i, o := range looks {
		conds[i] = wire.Cond{Kind: wire.CondValue, Key: o.Key, Value: o.If.Value}
	}
	if r := f.want(wire.StatusTooLarge, txnOf(s, seq+1, seq, wire.Txn{If: conds})); r.Number != -int64(len(conds)) {
		t.Errorf("%+v", r)
	}
	f.want(wire.StatusOK, txnOf(s, seq+2, seq, wire.Txn{If: conds[1:]}))
}

// The data of results is dropped with the floor, one by one and many at once, and when its
// session ends.
func TestTxnDataIsDropped(t *testing.T) {
	f := newFeeder(t, Limits{})
	clean := f.s.Digest()
	s := f.open()
	read := wire.TxnOp{Kind: wire.TxnRead, Key: "k"}
	for seq := uint64(1); seq <= 20; seq++ {
		f.want(wire.StatusOK, txn(s, seq, 1, read))
	}
	sess := f.s.sessions.byID[s]
	for _, floor := range []uint64{2, 3, 17, 20} {
		f.want(wire.StatusOK, set(s, 20+floor, floor, "k", "v"))
		if n := 21 - int(floor); len(sess.data) != n || f.s.sessions.data != n || sess.dataBytes != n || sess.data[floor] == nil {
			t.Errorf("floor %d: %d results with data, %d in all, %d bytes", floor, len(sess.data), f.s.sessions.data, sess.dataBytes)
		}
		if err := f.s.VerifyAll(); err != nil {
			t.Error(err)
		}
	}
	f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: s, Seq: 99, Floor: 50, Key: "k"})
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: s})
	if f.s.sessions.data != 0 || f.s.Digest() != clean {
		t.Error("a closed session has left data")
	}
	s = f.open()
	f.want(wire.StatusOK, txn(s, 1, 1, read))
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: s})
	if f.s.sessions.data != 0 || f.s.Digest() != clean {
		t.Error("a closed session has left its data")
	}
}

// A state without such data is given in a format of before, and one with it is refused by
// a node of before, which says what to do.
func TestTxnFormat(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	for _, tc := range []struct {
		c    wire.Command
		want byte
	}{
		{set(s, 1, 1, "k", "v"), formatBefore},
		{txn(s, 2, 1), formatBefore},
		{txn(s, 3, 1, wire.TxnOp{Kind: wire.TxnRead, Key: "k"}), formatVariables},
		{set(s, 4, 4, "k", "v"), formatBefore},
	} {
		f.want(wire.StatusOK, tc.c)
		chunks, err := encode(f.s.Snapshot(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got := chunks[0][1]; got != tc.want {
			t.Errorf("write %d: format %d, want %d", tc.c.Seq, got, tc.want)
		}
	}
	err := Restore(Limits{}).Chunk([]byte{recordHeader, formatVariables + 1})
	if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "older release than the group's and must be upgraded") {
		t.Errorf("a later format: %v", err)
	}
}

// An open snapshot has the data from before it was dropped.
func TestTxnSnapshotKeepsData(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	read := wire.TxnOp{Kind: wire.TxnRead, Key: "k"}
	f.want(wire.StatusOK, txn(s, 1, 1, read))
	want := f.s.Digest()
	snapshot := f.s.Snapshot()
	f.want(wire.StatusOK, txn(s, 2, 2, read, read))
	chunks, err := encode(snapshot, 10)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil || restored.Digest() != want {
		t.Fatalf("digest %x, want %x, %v", restored.Digest(), want, err)
	}
	g := &feeder{t: t, s: restored}
	if _, effect := g.apply(txn(s, 1, 1)); effect || len(dataOf(&g.out, 0)) != 1 {
		t.Errorf("the repeated write has data %v", g.out.Data)
	}
}

// A transaction whose results depend on damaged bytes says so, and one that does not look
// at them goes on.
func TestTxnMeetsDamage(t *testing.T) {
	is := wire.Cond{Kind: wire.CondValue, Value: []byte("50")}
	for name, tc := range map[string]struct {
		op     wire.TxnOp
		depend bool
	}{
		"read":            {wire.TxnOp{Kind: wire.TxnRead, Key: "n"}, true},
		"add":             {wire.TxnOp{Kind: wire.TxnAdd, Key: "n"}, true},
		"append":          {wire.TxnOp{Kind: wire.TxnAppend, Key: "n"}, true},
		"old of put":      {wire.TxnOp{Kind: wire.TxnPut, Key: "n", Old: true}, true},
		"old of delete":   {wire.TxnOp{Kind: wire.TxnDelete, Key: "n", Old: true}, true},
		"condition":       {wire.TxnOp{Kind: wire.TxnPut, Key: "n", If: is}, true},
		"put":             {wire.TxnOp{Kind: wire.TxnPut, Key: "n"}, false},
		"delete":          {wire.TxnOp{Kind: wire.TxnDelete, Key: "n"}, false},
		"version":         {wire.TxnOp{Kind: wire.TxnPut, Key: "n", If: wire.Cond{Kind: wire.CondVersion, Version: 2}}, false},
		"present":         {wire.TxnOp{Kind: wire.TxnPut, Key: "n", If: wire.Cond{Kind: wire.CondPresent}}, false},
		"read of another": {wire.TxnOp{Kind: wire.TxnRead, Key: "m"}, false},
	} {
		f := newFeeder(t, Limits{})
		s := f.open()
		f.want(wire.StatusOK, set(s, 1, 1, "n", "50"))
		f.want(wire.StatusOK, txn(s, 2, 1, wire.TxnOp{Kind: wire.TxnRead, Key: "n"}))
		if f.out.Notes.Damage != nil {
			t.Fatal("without damage:", f.out.Notes.Damage)
		}
		value, _, _ := f.s.Get("n")
		value[0] ^= 1
		f.apply(txn(s, 3, 1, tc.op))
		if err := f.out.Notes.Damage; tc.depend != errors.Is(err, ErrDigest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many operations on few variables, and on many, take as many steps as there are.
func TestTxnIsLinear(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	var ops []wire.TxnOp
	for range wire.MaxTxnOps {
		ops = append(ops, appended("log", strings.Repeat("x", 255)))
	}
	got := f.results(txn(s, 1, 1, ops...))
	if last := got[len(got)-1]; last.Number != wire.MaxTxnOps*255 {
		t.Errorf("%+v", last)
	}
	if cap(f.s.txn.data) > keptSpace || len(f.s.txn.cells) != 0 || cap(f.s.txn.cells[:1][0].space) > keptSpace {
		t.Errorf("space for %d bytes is kept", cap(f.s.txn.data))
	}
	for i := range ops {
		ops[i] = put(fmt.Sprint("key", i), "v")
	}
	f.want(wire.StatusOK, txn(s, 2, 2, ops...))
	if f.s.txn.cells != nil || f.s.txn.index != nil || cap(f.s.txn.txn.Then) != 0 {
		t.Error("space for thousands of operations is kept")
	}
	for i := range ops {
		f.holds(fmt.Sprint("key", i), "v", 3)
	}
	// Nothing is allocated for what a small transaction needs beside its versions.
	f.want(wire.StatusOK, txn(s, 3, 3, put("a", "1"), put("b", "2")))
	seq := uint64(3)
	if n := testing.AllocsPerRun(100, func() {
		seq++
		payload := wire.Command{Op: wire.OpTxn, Session: s, Seq: seq, Floor: seq, Value: txnPayload}
		f.payload = payload.Append(f.payload[:0])
		f.s.ApplyMessage(f.s.Applied()+1, 1, f.payload, &f.out)
	}); n > 5 {
		t.Errorf("%v allocations: want two versions, the results, and the map that has them", n)
	}
}

var txnPayload = (&wire.Txn{Then: []wire.TxnOp{put("a", "1"), put("b", "2")}}).Append(nil)
