package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
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
	ErrGap = errors.New("link: gap or repeat in the peer's stream")

	// ErrMalformed says that a record is empty, a mark has a wrong size, or a handshake
	// is no handshake of links.
	ErrMalformed = errors.New("link: malformed record or handshake")
)

// appendMark appends a mark as a record, for setConfirmed to fill in.
func appendMark(dst []byte, offset uint64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, markBody)
	dst = append(dst, markKind)
	dst = binary.LittleEndian.AppendUint64(dst, offset)
	return append(dst, make([]byte, 8)...)
}

// setConfirmed fills in the mark that b begins with.
func setConfirmed(b []byte, confirmed uint64) {
	binary.LittleEndian.PutUint64(b[headerBytes+1+8:], confirmed)
}

// Inbound is the receiving end of one epoch of the peer's stream. Whoever reads the
// connection owns it, and publishes what others need to know.
type Inbound struct {
	taken     uint64        // the reader's: offset up to which the stream was taken
	received  atomic.Uint64 // taken, when it was last published
	confirmed atomic.Uint64 // offset up to which the peer has taken this end's stream
	told      atomic.Uint64 // received, as the peer was last told
	most      uint64        // that may be received and not told
}

// Take counts one record, given without its header, and reports whether it is the
// caller's. A mark is not, and has been found in its place.
func (in *Inbound) Take(body []byte) (message bool, err error) {
	if len(body) == 0 {
		return false, fmt.Errorf("%w: no kind", ErrMalformed)
	}
	if message = body[0] != markKind; !message {
		if len(body) != markBody {
			return false, fmt.Errorf("%w: a mark of %d bytes", ErrMalformed, len(body))
		}
		if offset := binary.LittleEndian.Uint64(body[1:]); offset != in.taken {
			return false, fmt.Errorf("%w: offset %d where %d was expected", ErrGap, offset, in.taken)
		}
		in.confirmed.Store(max(in.confirmed.Load(), binary.LittleEndian.Uint64(body[1+8:])))
	}
	in.taken += headerBytes + uint64(len(body))
	return message, nil
}

// Publish lets the link confirm what was taken.
func (in *Inbound) Publish() { in.received.Store(in.taken) }

// Overdue reports whether so much was published since the last confirmation that Confirm
// should send one.
func (in *Inbound) Overdue() bool { return in.received.Load()-in.told.Load() >= in.most }

// tell returns what to confirm to the peer, which is told now.
func (in *Inbound) tell() uint64 {
	received := in.received.Load()
	in.told.Store(received)
	return received
}
