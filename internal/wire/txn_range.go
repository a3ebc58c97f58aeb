package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// MaxRangeEntries bounds the variables in all ranges of a transaction. Every replica applies
// it, so it is part of the protocol.
const MaxRangeEntries = 10_000

// RangeState is what a CondRange compares: the variables of a range, as a transaction has
// seen them. One that was written since, is new or has gone changes the state.
//
// The ranges of a transaction stand in the order of their keys and do not overlap, so that a
// replica looks at each variable once.
type RangeState struct {
	To    string // keys from the condition's Key on and below To; "": without an upper bound
	Count uint64 // of the variables
	Sum   RangeSum
}

// RangeSum stands for the keys and versions of variables: the first bytes of the SHA-256 of
// them, in the order of their keys, each as the length of the key, the key and the version.
type RangeSum [16]byte

// RangeHash computes a RangeSum. The zero value has seen no variable.
type RangeHash struct {
	hash hash.Hash
	buf  []byte
}

// hashedAtOnce is how many bytes are gathered for the hash.
const hashedAtOnce = 4 << 10

// Add takes the next variable.
func (h *RangeHash) Add(key string, version uint64) {
	h.buf = binary.AppendUvarint(appendBytes(h.buf, key), version)
	if len(h.buf) >= hashedAtOnce {
		h.flush()
	}
}

func (h *RangeHash) flush() {
	if h.hash == nil {
		h.hash = sha256.New()
	}
	h.hash.Write(h.buf)
	h.buf = h.buf[:0]
}

// Sum returns the sum of the variables since the last Sum, and begins again.
func (h *RangeHash) Sum() RangeSum {
	h.flush()
	h.buf = h.hash.Sum(h.buf)
	sum := RangeSum(h.buf)
	h.hash.Reset()
	if h.buf = h.buf[:0]; cap(h.buf) > 2*hashedAtOnce {
		h.buf = nil
	}
	return sum
}

// append appends what the condition compares with.
func (s *RangeState) append(dst []byte) []byte {
	dst = binary.AppendUvarint(appendBytes(dst, s.To), s.Count)
	return append(dst, s.Sum[:]...)
}

func readRangeState(r *codec.Reader) *RangeState {
	s := &RangeState{To: aliasString(r.Bytes()), Count: r.Uvarint()}
	copy(s.Sum[:], r.Take(uint64(len(s.Sum))))
	return s
}

// rangeBounds holds that the ranges of a transaction are in order, and bounds what is in them.
type rangeBounds struct {
	any, open bool
	to        string // the end of the last one, unless it is open
	entries   uint64
}

// take takes the next range, and reports whether it may stand there.
func (b *rangeBounds) take(c *Cond) bool {
	s := c.Range
	if s.To != "" && c.Key >= s.To || b.any && (b.open || c.Key < b.to) {
		return false
	}
	b.any, b.open, b.to = true, s.To == "", s.To
	b.entries += min(s.Count, MaxRangeEntries+1)
	return true
}
