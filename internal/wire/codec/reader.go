// Package codec reads values off the front of bytes that somebody else has written. All
// decoders of this module share it: those of requests and handshakes, of messages between
// members, and of snapshots.
//
//	r := codec.NewReader(b)
//	id, name := r.Uvarint(), string(r.Bytes())
//	if !r.Done() {
//		return ErrMalformed
//	}
//
// The first value that is not there, or not in its only allowed form, makes the reader bad
// and empty, and it stays so: every later value is zero, and callers look once, at the end.
// What is read aliases the bytes, and no value costs memory.
package codec

import (
	"encoding/binary"
	"math"
)

// Reader takes values off the front of bytes. The zero Reader has none.
type Reader struct {
	b   []byte
	bad bool
}

// NewReader returns a Reader of b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Fail makes the reader bad, for a value that its caller does not allow.
func (r *Reader) Fail() { r.b, r.bad = nil, true }

// Bad reports whether a value was missing or not allowed.
func (r *Reader) Bad() bool { return r.bad }

// Len returns how many bytes are left, 0 if the reader is bad.
func (r *Reader) Len() int { return len(r.b) }

// Left returns what is left, and takes nothing.
func (r *Reader) Left() []byte { return r.b }

// Done reports whether every value was there, and nothing is left.
func (r *Reader) Done() bool { return !r.bad && len(r.b) == 0 }

// Uint8 takes one byte.
func (r *Reader) Uint8() uint8 {
	if len(r.b) == 0 {
		r.Fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// Uint64 takes eight bytes, the lowest first.
func (r *Reader) Uint64() uint64 {
	if len(r.b) < 8 {
		r.Fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// Uvarint takes an unsigned varint in its shortest form. Longer forms are refused: a value
// must have one encoding, so that bytes can be compared and passed on as they came.
func (r *Reader) Uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := uint64(r.b[0])
		r.b = r.b[1:]
		return v
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || r.b[n-1] == 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Varint takes a zigzag varint in its shortest form.
func (r *Reader) Varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Max takes an unsigned varint that is at most limit.
func (r *Reader) Max(limit uint64) uint64 {
	v := r.Uvarint()
	if v > limit {
		r.Fail()
		return 0
	}
	return v
}

// Uint32 takes an unsigned varint of 32 bits.
func (r *Reader) Uint32() uint32 { return uint32(r.Max(math.MaxUint32)) }

// Duration takes a count of nanoseconds that is not negative.
func (r *Reader) Duration() int64 { return int64(r.Max(math.MaxInt64)) }

// Count takes the number of things that follow, of at least size bytes each. It is held
// against what is left, so that memory for them may be taken.
func (r *Reader) Count(size int) int {
	n := r.Uvarint()
	if n > uint64(len(r.b)/size) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Bytes takes a length and as many bytes, nil if the length is 0.
func (r *Reader) Bytes() []byte { return r.Take(r.Uvarint()) }

// Take takes n bytes, without spare capacity, nil if n is 0.
func (r *Reader) Take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.Fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Rest takes all that is left, nil if that is nothing.
func (r *Reader) Rest() []byte { return r.Take(uint64(len(r.b))) }
