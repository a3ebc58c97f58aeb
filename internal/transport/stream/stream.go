package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of a Stream. After ErrFull, ErrTooLarge and ErrConfirm its records
// cannot be brought to the peer without a gap: it must not be used before Reset.
var (
	// ErrFull says that the peer has left more unconfirmed than may be kept.
	ErrFull = errors.New("stream: the peer leaves too much unconfirmed")

	// ErrTooLarge says that a record is larger than the peer would take.
	ErrTooLarge = errors.New("stream: record too large")

	// ErrConfirm says that the peer confirmed what it cannot have taken.
	ErrConfirm = errors.New("stream: confirmation out of step")
)

const (
	headerBytes = 4

	// idleCapacity is the largest buffer that is kept while it is empty.
	idleCapacity = 4 << 20
)

// Limits bound a Stream.
type Limits struct {
	MaxRecordBytes int // of one record, without its header
	MaxKeptBytes   int // of all records that are not confirmed
}

// Stream is the sending end of one direction of a link. Its offsets are in
// order: base <= sent <= flushed <= base + kept.
type Stream struct {
	limits    Limits
	epoch     uint64
	peerEpoch uint64 // of the stream in the other direction, 0 before the first meeting
	carried   bool   // a record that is no mark was added in this epoch

	buf     []byte // buf[head:] is kept; it begins with a record
	head    int
	base    uint64 // offset of buf[head]
	sent    uint64 // handed to the connection
	flushed uint64 // may be handed to the connection
	mark    uint64 // offset of the mark that the next Flush fills in
	marked  bool   // there is one
}

// New returns an empty stream.
func New(epoch uint64, limits Limits) *Stream {
	return &Stream{limits: limits, epoch: epoch}
}

// Reset drops everything and begins anew as epoch.
func (s *Stream) Reset(epoch uint64) {
	*s = Stream{limits: s.limits, epoch: epoch}
}

// Epoch returns the stream's epoch.
func (s *Stream) Epoch() uint64 { return s.epoch }

// Kept returns the number of bytes that are not confirmed.
func (s *Stream) Kept() int { return len(s.buf) - s.head }

// end is the offset behind the last record.
func (s *Stream) end() uint64 { return s.base + uint64(s.Kept()) }

// at is the index in buf of an offset.
func (s *Stream) at(offset uint64) int { return s.head + int(offset-s.base) }

// Reserve returns the buffer with the header of a new record at its end, and
// room for a body of size bytes. The caller appends the body, kind first, and
// hands the result to Commit before it calls anything else.
func (s *Stream) Reserve(size int) []byte {
	if !s.marked {
		s.addMark()
	}
	s.room(headerBytes + size)
	return append(s.buf, 0, 0, 0, 0)
}

// Commit adds the record that was appended to what Reserve returned. With an
// error it adds nothing.
func (s *Stream) Commit(b []byte) error {
	size := len(b) - len(s.buf) - headerBytes
	if size < 1 || b[len(s.buf)+headerBytes] == markKind {
		panic("stream: a record without a kind")
	}
	if size > s.limits.MaxRecordBytes {
		return fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, size, s.limits.MaxRecordBytes)
	}
	if kept := len(b) - s.head; kept > s.limits.MaxKeptBytes {
		return fmt.Errorf("%w: %d bytes, %d are allowed", ErrFull, kept, s.limits.MaxKeptBytes)
	}
	binary.LittleEndian.PutUint32(b[len(s.buf):], uint32(size))
	s.buf = b
	s.carried = true
	return nil
}

// addMark adds a mark, for the next Flush to fill in.
func (s *Stream) addMark() {
	s.room(MarkBytes)
	s.mark, s.marked = s.end(), true
	s.buf = appendMark(s.buf, Mark{Offset: s.mark})
}

// room makes room for n bytes behind the buffer. It moves what is kept to the
// front only if that frees half of the buffer, so that the cost of moving stays
// in proportion to what passes through.
func (s *Stream) room(n int) {
	if cap(s.buf)-len(s.buf) >= n {
		return
	}
	kept := s.Kept()
	if kept+n <= cap(s.buf)/2 {
		s.buf = s.buf[:copy(s.buf[:kept], s.buf[s.head:])]
	} else {
		s.buf = append(make([]byte, 0, max(2*(kept+n), 4096)), s.buf[s.head:]...)
	}
	s.head = 0
}

// Flush lets everything out that was added, and confirms with it that the
// stream in the other direction was taken up to received.
func (s *Stream) Flush(received uint64) {
	if s.marked {
		setConfirmed(s.buf[s.at(s.mark):], received)
		s.marked = false
	}
	s.flushed = s.end()
}

// Ping is a Flush that sends a mark even if there is nothing else. It returns
// ErrFull when there is no room for one.
func (s *Stream) Ping(received uint64) error {
	if !s.marked {
		if kept := s.Kept() + MarkBytes; kept > s.limits.MaxKeptBytes {
			return fmt.Errorf("%w: %d bytes, %d are allowed", ErrFull, kept, s.limits.MaxKeptBytes)
		}
		s.addMark()
	}
	s.Flush(received)
	return nil
}

// Unsent returns what the connection is to write next. It is valid, and to be
// left unchanged, until the next call of any other method.
func (s *Stream) Unsent() []byte { return s.buf[s.at(s.sent):s.at(s.flushed)] }

// Sent is the offset of what Unsent returns.
func (s *Stream) Sent() uint64 { return s.sent }

// Wrote says that the connection has taken everything before offset. A write
// may report that later than the peer confirms it.
func (s *Stream) Wrote(offset uint64) {
	if offset > s.flushed {
		panic("stream: wrote more than there was")
	}
	s.sent = max(s.sent, offset)
}

// Confirm drops what is before offset, as the peer has taken it.
func (s *Stream) Confirm(offset uint64) error {
	if offset <= s.base {
		return nil // an older mark, sent again
	}
	if !s.boundary(offset) {
		return fmt.Errorf("%w: offset %d, of %d to %d", ErrConfirm, offset, s.base, s.flushed)
	}
	s.head = s.at(offset)
	s.base = offset
	s.sent = max(s.sent, offset)
	if s.head == len(s.buf) {
		s.head, s.buf = 0, s.buf[:0]
		if cap(s.buf) > idleCapacity {
			s.buf = nil
		}
	}
	return nil
}

// boundary reports whether a record that was let out begins or ends at offset.
func (s *Stream) boundary(offset uint64) bool {
	if offset < s.base || offset > s.flushed {
		return false
	}
	at := s.base
	for at < offset {
		at += headerBytes + uint64(binary.LittleEndian.Uint32(s.buf[s.at(at):]))
	}
	return at == offset
}
