package wire

import (
	"encoding/binary"
	"unsafe"

	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// Sizes of frames.
const (
	// HeaderBytes is the size of a frame's length.
	HeaderBytes = 4

	// FrameBytes is what a frame has beside its body: its length and its kind.
	FrameBytes = HeaderBytes + 1

	// MaxKeyBytes is how long a variable's name may be.
	MaxKeyBytes = 1 << 10

	// MaxQueryBytes is how long a request's Key may be that is an encoded query: it
	// has at most two bounds, each as long as a key and a byte more.
	MaxQueryBytes = 2*(MaxKeyBytes+1) + RequestOverheadBytes

	// RequestOverheadBytes bounds what a request's frame adds to its key and
	// its value: a node that allows keys of k and values of v bytes reads
	// frames of at least k + v + RequestOverheadBytes.
	RequestOverheadBytes = 128
)

// BeginFrame appends the header of a frame of a kind. The body follows, and EndFrame.
func BeginFrame(dst []byte, kind byte) []byte {
	return append(dst, 0, 0, 0, 0, kind)
}

// EndFrame sets the length of the frame that began at start and goes to the end of dst.
func EndFrame(dst []byte, start int) []byte {
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-HeaderBytes))
	return dst
}

// FirstFrame returns the body of the first of some whole frames, and those after it.
func FirstFrame(frames []byte) (body, rest []byte) {
	end := HeaderBytes + int(binary.LittleEndian.Uint32(frames))
	return frames[FrameBytes:end], frames[end:]
}

// AppendGoAway appends a whole GoAway frame. The reason is for people.
func AppendGoAway(dst []byte, reason string) []byte {
	start := len(dst)
	dst = BeginFrame(dst, FrameGoAway)
	dst = append(dst, reason...)
	return EndFrame(dst, start)
}

// AppendAlive appends a whole Alive frame.
func AppendAlive(dst []byte) []byte {
	start := len(dst)
	return EndFrame(BeginFrame(dst, FrameAlive), start)
}

// DecodeGoAway returns the reason in the body of a GoAway frame, as a copy.
// Every body is one.
func DecodeGoAway(body []byte) (reason string) {
	return string(body)
}

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
