package wire

import (
	"encoding/binary"
	"unsafe"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// end returns the error of a whole decoding, in which nothing may be left.
func end(r *codec.Reader) error {
	if !r.Done() {
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
