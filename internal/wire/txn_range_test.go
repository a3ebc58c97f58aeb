package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func rangeCond(from, to string, count uint64) Cond {
	return Cond{Kind: CondRange, Key: from, Range: &RangeState{To: to, Count: count}}
}

// The ranges of a transaction are in order and do not overlap, whatever stands between them.
func TestRangesAreInOrder(t *testing.T) {
	for _, tc := range []struct {
		ranges [][2]string
		good   bool
	}{
		{[][2]string{{"", ""}}, true},
		{[][2]string{{"", "a"}, {"a", "b"}, {"c", ""}}, true},
		{[][2]string{{"a", "a"}}, false},
		{[][2]string{{"b", "a"}}, false},
		{[][2]string{{"a", "c"}, {"b", "d"}}, false},
		{[][2]string{{"c", "d"}, {"a", "b"}}, false},
		{[][2]string{{"a", ""}, {"b", "c"}}, false},
		{[][2]string{{"", ""}, {"", ""}}, false},
		{[][2]string{{"a", "b"}, {"a", "b"}}, false},
		{[][2]string{{"", "b"}, {"", "c"}}, false},
	} {
		var txn Txn
		for _, r := range tc.ranges {
			txn.If = append(txn.If, rangeCond(r[0], r[1], 0), Cond{Kind: CondPresent, Key: "zz"})
		}
		if err := new(Txn).Decode(txn.Append(nil)); (err == nil) != tc.good || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", tc.ranges, err)
		}
	}
}

// The bound of the variables in ranges is that of all of them together.
func TestRangesAreBounded(t *testing.T) {
	for _, tc := range []struct {
		counts []uint64
		want   error
	}{
		{[]uint64{MaxRangeEntries}, nil},
		{[]uint64{MaxRangeEntries + 1}, ErrTxnTooLarge},
		{[]uint64{MaxRangeEntries - 1, 1}, nil},
		{[]uint64{MaxRangeEntries - 1, 2}, ErrTxnTooLarge},
		{[]uint64{1<<64 - 1, 1<<64 - 1}, ErrTxnTooLarge},
	} {
		var txn Txn
		for i, n := range tc.counts {
			txn.If = append(txn.If, rangeCond(fmt.Sprint(i), fmt.Sprint(i+1), n))
		}
		if err := new(Txn).Decode(txn.Append(nil)); !errors.Is(err, tc.want) || err != nil && tc.want == nil {
			t.Errorf("%d: %v, want %v", tc.counts, err, tc.want)
		}
	}
}

// The sum is that of SHA-256, however many variables there are, and nothing of one sum is in
// the next.
func TestRangeSum(t *testing.T) {
	var h RangeHash
	for _, n := range []int{0, 1, 2, 1000, 3, 0} {
		var whole []byte
		for i := range n {
			key := strings.Repeat("k", i%50) + fmt.Sprint(i)
			h.Add(key, uint64(i)<<20)
			whole = append(binary.AppendUvarint(whole, uint64(len(key))), key...)
			whole = binary.AppendUvarint(whole, uint64(i)<<20)
		}
		want := sha256.Sum256(whole)
		if got := h.Sum(); got != RangeSum(want[:16]) {
			t.Errorf("%d variables: %x, want %x", n, got, want[:16])
		}
	}
	h.Add("ab", 1)
	one := h.Sum()
	h.Add("a", 1)
	h.Add("b", 1)
	if h.Sum() == one {
		t.Error("two keys are taken for one")
	}
	h.Add(strings.Repeat("k", 1<<20), 1)
	if h.Sum(); cap(h.buf) > 2*hashedAtOnce {
		t.Errorf("%d bytes are kept", cap(h.buf))
	}
}

func TestRangesAreNotTouched(t *testing.T) {
	txn := Txn{If: []Cond{rangeCond("k", "l", 0)}}
	if txn.Touches(func(string) bool { return true }) {
		t.Error("the bound of a range is taken for a key")
	}
}
