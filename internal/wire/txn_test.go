package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func genCond(kinds ...CondKind) *rapid.Generator[Cond] {
	return rapid.Custom(func(t *rapid.T) Cond {
		c := Cond{Kind: rapid.SampledFrom(kinds).Draw(t, "condition")}
		switch c.Kind {
		case CondVersion:
			c.Version = genUint64().Draw(t, "version")
		case CondValue:
			c.Value = genBytes().Draw(t, "value")
		}
		return c
	})
}

func genTxnOp() *rapid.Generator[TxnOp] {
	return rapid.Custom(func(t *rapid.T) TxnOp {
		o := TxnOp{
			Kind: TxnKind(rapid.IntRange(int(TxnPut), int(TxnTTL)).Draw(t, "kind")),
			Key:  rapid.String().Draw(t, "key"),
			If:   genCond(CondNone, CondVersion, CondValue, CondPresent).Draw(t, "if"),
		}
		o.Old = o.Kind != TxnRead && o.Kind != TxnTTL && rapid.Bool().Draw(t, "old")
		ttl := rapid.Uint64Range(1, MaxTTL)
		switch o.Kind {
		case TxnPut, TxnAppend:
			o.Value = genBytes().Draw(t, "value")
		case TxnAdd:
			o.Delta = rapid.Int64().Draw(t, "delta")
		case TxnExpire:
			o.TTL = ttl.Draw(t, "TTL")
		}
		switch timing := rapid.IntRange(0, 2).Draw(t, "timing"); {
		case timing == 1 && (o.Kind == TxnPut || o.Kind == TxnAdd || o.Kind == TxnAppend):
			o.TTL = ttl.Draw(t, "TTL")
		case timing == 2:
			o.KeepTTL = o.Kind == TxnPut
		}
		return o
	})
}

// genRanges draws conditions on ranges, in order.
func genRanges(t *rapid.T) (list []Cond) {
	bounds := rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID[string]).Draw(t, "bounds")
	slices.Sort(bounds)
	for len(bounds) > 0 {
		c := Cond{Kind: CondRange, Key: bounds[0], Range: &RangeState{Count: rapid.Uint64Range(0, MaxRangeEntries/6).Draw(t, "count")}}
		if bounds = bounds[1:]; len(bounds) > 0 {
			c.Range.To = bounds[0]
			bounds = bounds[rapid.IntRange(0, 1).Draw(t, "gap"):]
		}
		copy(c.Range.Sum[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "sum"))
		list = append(list, c)
		if c.Range.To == "" {
			break
		}
	}
	return list
}

func genTxn() *rapid.Generator[Txn] {
	return rapid.Custom(func(t *rapid.T) Txn {
		var txn Txn
		ranges := genRanges(t)
		for range rapid.IntRange(0, 4).Draw(t, "conditions") {
			c := genCond(CondVersion, CondValue, CondPresent).Draw(t, "condition")
			c.Key = rapid.String().Draw(t, "key")
			txn.If = append(txn.If, c)
			if len(ranges) > 0 && rapid.Bool().Draw(t, "range") {
				txn.If, ranges = append(txn.If, ranges[0]), ranges[1:]
			}
		}
		txn.If = append(txn.If, ranges...)
		txn.Then = rapid.SliceOfN(genTxnOp(), 0, 5).Draw(t, "then")
		txn.Else = rapid.SliceOfN(genTxnOp(), 0, 5).Draw(t, "else")
		return txn
	})
}

// sameTxn compares two transactions, for which no list and an empty one are the same.
func sameTxn(a, b *Txn) string {
	return cmp.Diff(a, b, cmp.Transformer("list", func(list []TxnOp) []TxnOp { return append([]TxnOp(nil), list...) }),
		cmp.Transformer("conditions", func(list []Cond) []Cond { return append([]Cond(nil), list...) }))
}

func TestTxnInverse(t *testing.T) {
	var got Txn // used again, as replicas do
	rapid.Check(t, func(t *rapid.T) {
		want := genTxn().Draw(t, "transaction")
		b := want.Append(nil)
		if err := got.Decode(b); err != nil {
			t.Fatal(err)
		}
		if d := sameTxn(&want, &got); d != "" {
			t.Fatal(d)
		}
		if got.Ops() != len(want.If)+len(want.Then)+len(want.Else) {
			t.Fatalf("%d operations", got.Ops())
		}
		if err := new(Txn).Decode(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("with a byte more: %v", err)
		}
		for n := range len(b) {
			if err := new(Txn).Decode(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("the first %d bytes: %v", n, err)
			}
		}
	})
}

func TestTxnMalformed(t *testing.T) {
	for name, text := range map[string]string{
		"no kind of condition":         "\x01\x00\x01k\x00\x00",
		"a kind of a later release":    "\x01\x05\x01k\x00\x00",
		"an operation of no kind":      "\x00\x01\x00\x00\x01k\x00",
		"an operation of a later one":  "\x00\x01\x09\x00\x01k\x00",
		"a flag of a later release":    "\x00\x01\x02\x40\x01k\x00",
		"a deletion for a time":        "\x00\x01\x02\x10\x01k\x05\x00",
		"a read for a time":            "\x00\x01\x05\x10\x01k\x05\x00",
		"a TTL of nothing":             "\x00\x01\x06\x10\x01k\x00\x00",
		"a TTL that is too long":       "\x00\x01\x06\x10\x01k\x81\xe0\xd4\x89\xe4\x5b\x00",
		"an expire without a TTL":      "\x00\x01\x06\x00\x01k\x00",
		"a put that keeps and sets":    "\x00\x01\x01\x30\x01k\x01v\x05\x00",
		"an add that keeps":            "\x00\x01\x03\x20\x01k\x02\x00",
		"a persist for a time":         "\x00\x01\x07\x10\x01k\x05\x00",
		"a TTL that asks for the old":  "\x00\x01\x08\x08\x01k\x00",
		"the highest flag":             "\x00\x01\x02\x80\x01k\x00",
		"a condition of a later one":   "\x00\x01\x02\x05\x01k\x00",
		"an operation on a range":      "\x00\x01\x02\x04\x01k\x01l\x00" + strings.Repeat("s", 16) + "\x00",
		"a read that asks for the old": "\x00\x01\x05\x08\x01k\x00",
		"a long form of a number":      "\x80\x00\x00\x00",
		"more than there is":           "\x00\x05\x02\x00\x01k",
	} {
		if err := new(Txn).Decode([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bounds hold to the byte and to the operation, whichever list has the operations.
func TestTxnBounds(t *testing.T) {
	list := func(n int) []TxnOp {
		var ops []TxnOp
		for range n {
			ops = append(ops, TxnOp{Kind: TxnDelete, Key: "k"})
		}
		return ops
	}
	conds := func(n int) (list []Cond) {
		for range n {
			list = append(list, Cond{Kind: CondPresent, Key: "k"})
		}
		return list
	}
	for _, tc := range []struct {
		txn  Txn
		want error
	}{
		{Txn{If: conds(MaxTxnOps)}, nil},
		{Txn{If: conds(MaxTxnOps + 1)}, ErrTxnTooLarge},
		{Txn{Then: list(MaxTxnOps)}, nil},
		{Txn{Then: list(MaxTxnOps + 1)}, ErrTxnTooLarge},
		{Txn{Else: list(MaxTxnOps)}, nil},
		{Txn{Else: list(MaxTxnOps + 1)}, ErrTxnTooLarge},
		{Txn{If: conds(1000), Then: list(2000), Else: list(1096)}, nil},
		{Txn{If: conds(1000), Then: list(2000), Else: list(1097)}, ErrTxnTooLarge},
		{Txn{If: conds(4000), Then: list(97)}, ErrTxnTooLarge},
	} {
		if err := new(Txn).Decode(tc.txn.Append(nil)); !errors.Is(err, tc.want) || err != nil && tc.want == nil {
			t.Errorf("%d, %d, %d: %v, want %v", len(tc.txn.If), len(tc.txn.Then), len(tc.txn.Else), err, tc.want)
		}
	}
	long := Txn{Then: []TxnOp{{Kind: TxnPut, Key: "k"}}}
	long.Then[0].Value = []byte(strings.Repeat("v", MaxTxnBytes-len(long.Append(nil))-3)) // its length takes three more bytes
	b := long.Append(nil)
	if len(b) != MaxTxnBytes {
		t.Fatalf("%d bytes", len(b))
	}
	if err := new(Txn).Decode(b); err != nil {
		t.Errorf("one of %d bytes: %v", len(b), err)
	}
	if err := new(Txn).Decode(append(b, 0)); !errors.Is(err, ErrTxnTooLarge) {
		t.Errorf("one of a byte more: %v", err)
	}
}

func TestTxnTouches(t *testing.T) {
	txn := Txn{If: []Cond{{Key: "a"}}, Then: []TxnOp{{Key: "b"}}, Else: []TxnOp{{Key: "c"}}}
	for key, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false} {
		if got := txn.Touches(func(k string) bool { return k == key }); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	if len(txn.Branch(true)) != 1 || txn.Branch(true)[0].Key != "b" || txn.Branch(false)[0].Key != "c" {
		t.Error("the branches are others")
	}
}

func TestTxnResultsInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []TxnResult
		var b []byte
		for range rapid.IntRange(0, 20).Draw(t, "results") {
			has := rapid.SampledFrom([]TxnHas{0, TxnFound, TxnFound | TxnValue, TxnNumber, TxnFound | TxnNumber, TxnFound | TxnValue | TxnNumber}).Draw(t, "has")
			r := TxnResult{Has: has}
			if has&TxnValue != 0 {
				r.Version, r.Value = genUint64().Draw(t, "version"), genBytes().Draw(t, "value")
			}
			if has&TxnNumber != 0 {
				r.Number = rapid.Int64().Draw(t, "number")
			}
			want = append(want, r)
			b = r.Append(b)
		}
		got, err := DecodeTxnResults(b)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatal(err, d)
		}
	})
	for name, b := range map[string][]byte{
		"a value of what was not there": {byte(TxnValue), 1, 0},
		"a bit of a later release":      {8},
		"half":                          {byte(TxnFound | TxnValue), 1},
		"too many":                      make([]byte, MaxTxnOps+1),
	} {
		if list, err := DecodeTxnResults(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
	if list, err := DecodeTxnResults(make([]byte, MaxTxnOps)); err != nil || len(list) != MaxTxnOps {
		t.Errorf("%d results, %v", len(list), err)
	}
}

// A reply to a Hello from a node that knows no transactions ends before their bounds.
func TestHelloReplyOfBefore(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHelloReply(&b, HelloReply{Version: 2, Extra: []byte("x"), Info: Info{NodeID: "n1"}}); err != nil {
		t.Fatal(err)
	}
	before := b.Bytes()[:b.Len()-2]
	before[len(Magic)] -= 2
	r, err := ReadHelloReply(bytes.NewReader(before))
	if err != nil || r.Info.NodeID != "n1" || string(r.Extra) != "x" || r.Info.MaxTxnOps != 0 || r.Info.MaxTxnBytes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	half := append(bytes.Clone(before), 1)
	binary.LittleEndian.PutUint32(half[len(Magic):], uint32(len(half)-len(Magic)-HeaderBytes))
	if _, err := ReadHelloReply(bytes.NewReader(half)); !errors.Is(err, ErrMalformed) {
		t.Errorf("with one bound of two: %v", err)
	}
}

func FuzzDecodeTxn(f *testing.F) {
	one := Txn{
		If: []Cond{
			{Kind: CondVersion, Key: "a", Version: 300},
			{Kind: CondValue, Key: "b", Value: []byte("v")},
			{Kind: CondPresent, Key: "c"},
			{Kind: CondRange, Key: "a", Range: &RangeState{To: "b", Count: 300, Sum: RangeSum{1, 15: 2}}},
			{Kind: CondRange, Key: "b", Range: &RangeState{}},
		},
		Then: []TxnOp{{Kind: TxnPut, Key: "a", Value: []byte("w"), Old: true}, {Kind: TxnAdd, Key: "n", Delta: -5}, {Kind: TxnRead, Key: "b"}},
		Else: []TxnOp{{Kind: TxnAppend, Key: "l", Value: []byte("x"), If: Cond{Kind: CondVersion}}, {Kind: TxnDelete, Key: "d", If: Cond{Kind: CondValue}}},
	}
	f.Add(one.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var txn Txn
		if txn.Decode(b) != nil {
			return
		}
		if again := txn.Append(nil); !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func FuzzDecodeTxnResults(f *testing.F) {
	for _, r := range []TxnResult{{}, {Has: TxnFound | TxnValue, Version: 9, Value: []byte("v")}, {Has: TxnFound | TxnNumber, Number: -1}} {
		f.Add(r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := DecodeTxnResults(b)
		if err != nil {
			return
		}
		var again []byte
		for i := range list {
			again = list[i].Append(again)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}
