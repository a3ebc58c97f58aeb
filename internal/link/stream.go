package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// What makes a link dead whose records cannot be brought to the peer without a gap.
var (
	// ErrFull says that the peer has left more unconfirmed than may be kept.
	ErrFull = errors.New("link: the peer leaves too much unconfirmed")

	// ErrTooLarge says that a record is larger than the peer would take.
	ErrTooLarge = errors.New("link: record too large")

	// ErrConfirm says that the peer confirmed what it cannot have taken.
	ErrConfirm = errors.New("link: confirmation out of step")
)

const (
	headerBytes = wire.HeaderBytes

	// idleCapacity is the largest buffer that is kept while it is empty.
	idleCapacity = 4 << 20
)

// Limits bound what is kept for a peer.
type Limits struct {
	MaxRecordBytes int // of one record, without its header; beyond it a link is dead
	MaxKeptBytes   int // of all records that are not confirmed; beyond it a link is dead
}

// stream is the sending end of one direction of a link. Its offsets are in
// order: base <= sent <= flushed <= base + kept.
type stream struct {
	limits    Limits
	epoch     uint64
	peerEpoch uint64 // of the stream in the other direction, 0 before the first meeting
	carried   bool   // a record that is no mark was added in this epoch

	buf     []byte // buf[head:] is kept; it begins with a record
	head    int
	base    uint64 // offset of buf[head]
	sent    uint64 // handed to the connection
	flushed uint64 // may be handed to the connection
	mark    uint64 // offset of the mark that the next flush fills in
	marked  bool   // there is one
}

// kept returns the number of bytes that are not confirmed.
func (s *stream) kept() int { return len(s.buf) - s.head }

// end is the offset behind the last record.
func (s *stream) end() uint64 { return s.base + uint64(s.kept()) }

// at is the index in buf of an offset.
func (s *stream) at(offset uint64) int { return s.head + int(offset-s.base) }

// reserve returns the buffer with the header of a new record at its end, and
// room for a body of size bytes. The caller appends the body, kind first, and
// hands the result to commit before it calls anything else.
func (s *stream) reserve(size int) []byte {
	if !s.marked {
		s.addMark()
	}
	s.room(headerBytes + size)
	return append(s.buf, 0, 0, 0, 0)
}

// commit adds the record that was appended to what reserve returned. With an
// error it adds nothing.
func (s *stream) commit(b []byte) error {
	size := len(b) - len(s.buf) - headerBytes
	if size < 1 || b[len(s.buf)+headerBytes] == markKind {
		panic("link: a record without a kind")
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

// addMark adds a mark, for the next flush to fill in.
func (s *stream) addMark() {
	s.room(MarkBytes)
	s.mark, s.marked = s.end(), true
	s.buf = appendMark(s.buf, s.mark)
}

// room makes room for n bytes behind the buffer. It moves what is kept to the
// front only if that frees half of the buffer, so that the cost of moving stays
// in proportion to what passes through.
func (s *stream) room(n int) {
	if cap(s.buf)-len(s.buf) >= n {
		return
	}
	kept := s.kept()
	if kept+n <= cap(s.buf)/2 {
		s.buf = s.buf[:copy(s.buf[:kept], s.buf[s.head:])]
	} else {
		s.buf = append(make([]byte, 0, max(2*(kept+n), 4096)), s.buf[s.head:]...)
	}
	s.head = 0
}

// flush lets everything out that was added, and confirms with it that the
// stream in the other direction was taken up to received.
func (s *stream) flush(received uint64) {
	if s.marked {
		setConfirmed(s.buf[s.at(s.mark):], received)
		s.marked = false
	}
	s.flushed = s.end()
}

// ping is a flush that sends a mark even if there is nothing else. It returns
// ErrFull when there is no room for one.
func (s *stream) ping(received uint64) error {
	if !s.marked {
		if kept := s.kept() + MarkBytes; kept > s.limits.MaxKeptBytes {
			return fmt.Errorf("%w: %d bytes, %d are allowed", ErrFull, kept, s.limits.MaxKeptBytes)
		}
		s.addMark()
	}
	s.flush(received)
	return nil
}

// unsent returns what the connection is to write next. It is valid, and to be
// left unchanged, until the next call of any other method.
func (s *stream) unsent() []byte { return s.buf[s.at(s.sent):s.at(s.flushed)] }

// wrote says that the connection has taken everything before offset. A write
// may report that later than the peer confirms it.
func (s *stream) wrote(offset uint64) {
	if offset > s.flushed {
		panic("link: wrote more than there was")
	}
	s.sent = max(s.sent, offset)
}

// confirm drops what is before offset, if the peer can have taken it.
func (s *stream) confirm(offset uint64) error {
	if offset <= s.base {
		return nil // an older mark, sent again
	}
	if !s.boundary(offset) {
		return fmt.Errorf("%w: offset %d, of %d to %d", ErrConfirm, offset, s.base, s.flushed)
	}
	s.drop(offset)
	return nil
}

// drop drops what is before a boundary.
func (s *stream) drop(offset uint64) {
	s.head = s.at(offset)
	s.base = offset
	s.sent = max(s.sent, offset)
	if s.head == len(s.buf) {
		s.head, s.buf = 0, s.buf[:0]
		if cap(s.buf) > idleCapacity {
			s.buf = nil
		}
	}
}

// boundary reports whether a record that was let out begins or ends at offset.
func (s *stream) boundary(offset uint64) bool {
	if offset < s.base || offset > s.flushed {
		return false
	}
	at := s.base
	for at < offset {
		at += headerBytes + uint64(binary.LittleEndian.Uint32(s.buf[s.at(at):]))
	}
	return at == offset
}
