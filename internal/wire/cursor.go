package wire

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// cursor takes values off the front of b. The first value that is not there,
// or not in its only allowed form, makes it bad, and it stays bad: callers
// check once at the end.
type cursor struct {
	b   []byte
	bad bool
}

// fail makes the cursor bad and empty, so that what follows fails too.
func (c *cursor) fail() {
	c.bad = true
	c.b = nil
}

// uint8 takes one byte.
func (c *cursor) uint8() uint8 {
	if len(c.b) == 0 {
		c.fail()
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// uvarint takes an unsigned varint in its shortest form. Longer forms are
// refused: a value must have one encoding, so that bytes can be compared and
// passed on as they came.
func (c *cursor) uvarint() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := uint64(c.b[0])
		c.b = c.b[1:]
		return v
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 || c.b[n-1] == 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

// varint takes a zigzag varint in its shortest form.
func (c *cursor) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// max takes an unsigned varint that is at most limit.
func (c *cursor) max(limit uint64) uint64 {
	v := c.uvarint()
	if v > limit {
		c.fail()
		return 0
	}
	return v
}

// duration takes a count of nanoseconds that is not negative.
func (c *cursor) duration() int64 {
	return int64(c.max(math.MaxInt64))
}

// bytes takes a length and as many bytes. The result aliases the input and has
// no spare capacity; it is nil when the length is 0.
func (c *cursor) bytes() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// rest takes all that is left, nil when that is nothing.
func (c *cursor) rest() []byte {
	v := c.b
	c.b = nil
	if len(v) == 0 {
		return nil
	}
	return v[:len(v):len(v)]
}

// end returns the error of the whole decoding, in which nothing may be left.
func (c *cursor) end() error {
	if c.bad || len(c.b) != 0 {
		return ErrMalformed
	}
	return nil
}

// aliasString is b as a string, without a copy. The string changes when b
// does: who keeps it longer than b must clone it.
func aliasString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// appendBytes appends the length of v and v.
func appendBytes[T string | []byte](dst []byte, v T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	return append(dst, v...)
}
