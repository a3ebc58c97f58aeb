package load

import "encoding/binary"

// value is the buffer that one client writes from. Systems may not keep it.
type value struct {
	count uint64
	bytes []byte
}

// newValue fills the buffer with bytes that do not repeat soon, lest a system
// that compresses send less than the others.
func newValue(client, size int) *value {
	v := &value{count: uint64(client) << 40, bytes: make([]byte, size)}
	x := uint64(client)*0x9e3779b97f4a7c15 + 1
	for i := range v.bytes {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		v.bytes[i] = byte(x)
	}
	return v
}

// next is a value unlike the others, until next is called again.
func (v *value) next() []byte {
	v.count++
	binary.BigEndian.PutUint64(v.bytes, v.count)
	return v.bytes
}
