package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MarkBytes is the size of a mark with its header.
const MarkBytes = headerBytes + markBody

const (
	markKind = 0
	markBody = 1 + 8 + 8
)

var (
	// ErrGap says that a stream skipped or repeated something. What was taken
	// before is whole and in order; nothing more may be taken.
	ErrGap = errors.New("stream: gap or repeat in the peer's stream")

	// ErrMalformed says that a record is empty, or a mark of a wrong size.
	ErrMalformed = errors.New("stream: malformed record")
)

// Mark is what both ends tell one another within their streams.
type Mark struct {
	Offset    uint64 // of the mark itself
	Confirmed uint64 // everything before it was taken, in the other direction
}

// appendMark appends a mark as a record.
func appendMark(dst []byte, m Mark) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, markBody)
	dst = append(dst, markKind)
	dst = binary.LittleEndian.AppendUint64(dst, m.Offset)
	return binary.LittleEndian.AppendUint64(dst, m.Confirmed)
}

// setConfirmed fills in the mark that b begins with.
func setConfirmed(b []byte, confirmed uint64) {
	binary.LittleEndian.PutUint64(b[headerBytes+1+8:], confirmed)
}

// Receipt is the receiving end of one direction of a link.
type Receipt struct {
	received uint64
}

// Received is the offset up to which the stream was taken.
func (r *Receipt) Received() uint64 { return r.received }

// Take counts one record, given without its header. When it is a mark, isMark
// is true, and the mark has been found in its place.
func (r *Receipt) Take(body []byte) (m Mark, isMark bool, err error) {
	if len(body) == 0 {
		return Mark{}, false, fmt.Errorf("%w: no kind", ErrMalformed)
	}
	if isMark = body[0] == markKind; isMark {
		if len(body) != markBody {
			return Mark{}, false, fmt.Errorf("%w: a mark of %d bytes", ErrMalformed, len(body))
		}
		m.Offset = binary.LittleEndian.Uint64(body[1:])
		m.Confirmed = binary.LittleEndian.Uint64(body[1+8:])
		if m.Offset != r.received {
			return Mark{}, false, fmt.Errorf("%w: offset %d where %d was expected", ErrGap, m.Offset, r.received)
		}
	}
	r.received += headerBytes + uint64(len(body))
	return m, isMark, nil
}
