package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes of a FrameReader's buffer, in bytes.
const (
	minReadBuffer  = 4 << 10   // at first
	maxReadBuffer  = 64 << 10  // for batches of small frames; a larger frame gets one of its own
	keepReadBuffer = 256 << 10 // a larger one than this is let go after its frame

	// beginBytes is how much of a large frame is there at least when Refuse's function is asked.
	beginBytes = 64
)

// ErrAgain is what a source returns that has nothing now, and does not wait. So
// does Next then, which may be called again.
var ErrAgain = errors.New("wire: no data yet")

// ErrRefused is what Next returns for a frame that Refuse's function has refused. It may be
// called again.
var ErrRefused = errors.New("wire: a frame was refused")

// maxEmptyReads bounds how often in a row a reader may return nothing.
const maxEmptyReads = 100

// FrameReader splits a stream into frames. One Read fetches whatever has
// arrived, often many frames; Next hands them out one by one. It is for one
// goroutine.
type FrameReader struct {
	src        io.Reader
	limit      uint32
	buf        []byte
	small      []byte // of maxReadBuffer, while buf is one large frame's
	start, end int    // buf[start:end] has been read and not handed out
	filled     bool   // the last Read took all the room that it had
	err        error  // of the last Read, told once the frames before it are out

	refuses func(begin []byte, size int) bool // see Refuse
	asked   bool                              // about the frame at the front
	dropped int                               // bytes of a refused frame that have come
	drop    int                               // bytes of it that are still to come
}

// NewFrameReader returns a reader of frames whose length, which counts the kind
// and the body, is at most limit bytes.
func NewFrameReader(src io.Reader, limit uint32) *FrameReader {
	return &FrameReader{src: src, limit: limit}
}

// Refuse has the reader ask about each frame of more than 64 KiB, once, when it begins to come. If
// refuses returns true, Next returns ErrRefused, and drops the frame as it comes. begin is what
// has come of its kind and its body, at least 60 bytes, and size how many bytes these have.
func (f *FrameReader) Refuse(refuses func(begin []byte, size int) bool) { f.refuses = refuses }

// Next returns the next frame, its kind apart from its body. See NextRecord.
func (f *FrameReader) Next() (kind byte, body []byte, err error) {
	record, err := f.NextRecord()
	if err != nil {
		return 0, nil, err
	}
	return record[0], record[1:], nil
}

// NextRecord returns the next frame without its length: the kind and the body. It
// reads only when no whole frame is buffered.
//
// The record belongs to the reader, and stays as it is until a call that reads,
// which is one made while Buffered is false. So a caller may take all frames that
// are buffered and work on them together. See Own for an exception.
//
// The error is io.EOF at the end of the stream between frames,
// io.ErrUnexpectedEOF within one, ErrFrameTooLarge or ErrMalformed (wrapped) for
// a length that cannot be, or the source's own. After an error other than ErrAgain and
// ErrRefused every further call returns it again.
func (f *FrameReader) NextRecord() ([]byte, error) {
	for {
		size, err := f.frame()
		if err != nil {
			f.err = err
			f.start, f.end = 0, 0
			return nil, err
		}
		if size > 0 && f.end-f.start >= size {
			record := f.buf[f.start+HeaderBytes : f.start+size : f.start+size]
			f.start += size
			f.asked = false
			return record, nil
		}
		if size > maxReadBuffer && f.refused(size) {
			return nil, ErrRefused
		}
		if f.err != nil {
			return nil, f.sticky()
		}
		f.makeRoom(size)
		f.read()
		f.dropSome()
		if f.err == ErrAgain { //nolint:errorlint // by contract it comes as it is
			f.err = nil
			return nil, ErrAgain
		}
	}
}

// refused asks about a large frame of a size that is not complete, if enough of it is there and that
// is new. If the frame is refused, what has come of it is dropped.
func (f *FrameReader) refused(size int) bool {
	have := f.end - f.start
	if f.refuses == nil || f.asked || have < beginBytes {
		return false
	}
	if f.asked = !f.refuses(f.buf[f.start+HeaderBytes:f.end], size-HeaderBytes); f.asked {
		return false
	}
	f.drop, f.dropped = size-have, have
	f.start, f.end = 0, 0
	return true
}

// dropSome drops what the last Read has brought of a frame that is refused.
func (f *FrameReader) dropSome() {
	n := min(f.drop, f.end-f.start)
	f.start += n
	f.drop -= n
	f.dropped += n
}

// Own gives the caller the memory of the record that NextRecord returned last, if
// the record is large and has that memory to itself, and reports whether it does.
func (f *FrameReader) Own(record []byte) bool {
	if len(f.buf) <= maxReadBuffer || HeaderBytes+len(record) != len(f.buf) {
		return false
	}
	f.buf, f.start, f.end = nil, 0, 0
	return true
}

// Buffered reports whether Next would return without reading: with a whole
// frame, or with the error that its length makes.
func (f *FrameReader) Buffered() bool {
	size, err := f.frame()
	return err != nil || (size > 0 && f.end-f.start >= size)
}

// Partial reports whether a part of a frame is buffered: what is read next goes on
// with it. It is for the source, while Next reads from it.
func (f *FrameReader) Partial() bool { return f.end > f.start || f.drop > 0 }

// Begun returns how many bytes of a frame have arrived that is not complete, and how many
// bytes of memory it takes. It is for the source, as Partial is.
func (f *FrameReader) Begun() (arrived, memory int) {
	if f.drop > 0 {
		return f.dropped, 0
	}
	arrived = f.end - f.start
	if arrived > 0 && len(f.buf) > maxReadBuffer {
		return arrived, len(f.buf)
	}
	return arrived, arrived
}

// Drained reports whether the source had no more to give at the last Read, as far as
// is known: it left room.
func (f *FrameReader) Drained() bool { return !f.filled }

// frame returns the size, with its header, of the frame at the front, 0 while
// the header is not there.
func (f *FrameReader) frame() (int, error) {
	if f.end-f.start < HeaderBytes {
		return 0, nil
	}
	n := binary.LittleEndian.Uint32(f.buf[f.start:])
	if n == 0 {
		return 0, fmt.Errorf("%w: a frame without a kind", ErrMalformed)
	}
	if n > f.limit {
		return 0, fmt.Errorf("%w: %d bytes announced, %d are allowed", ErrFrameTooLarge, n, f.limit)
	}
	return HeaderBytes + int(n), nil
}

// sticky is the error of the source, after all whole frames.
func (f *FrameReader) sticky() error {
	if f.Partial() {
		f.err = unexpectedEOF(f.err)
	}
	f.start, f.end = 0, 0
	return f.err
}

// makeRoom sees to it that buf has room behind end. size is that of the frame
// at the front, or 0. The buffer grows only once it is full of what has really
// arrived: an announced length alone takes no memory. A frame that does not fit
// into maxReadBuffer ends up in a buffer of exactly its size.
func (f *FrameReader) makeRoom(size int) {
	buf, have := f.buf, f.end-f.start
	switch {
	case have == 0 && (len(buf) == 0 || len(buf) > keepReadBuffer):
		if buf, f.small = f.small, nil; buf == nil {
			buf = make([]byte, minReadBuffer)
		}
	case f.end == len(buf) && len(buf) < maxReadBuffer:
		// The last Read took all the room it had, so more is likely waiting.
		buf = make([]byte, 2*len(buf))
	case have == len(buf):
		// A large frame, whose size is known here and not reached yet.
		if have == maxReadBuffer {
			f.small = buf
		}
		buf = make([]byte, min(max(2*have, keepReadBuffer), size))
	}
	copy(buf, f.buf[f.start:f.end])
	f.buf, f.start, f.end = buf, 0, have
}

// read calls the source once, or again while it returns nothing at all.
func (f *FrameReader) read() {
	for range maxEmptyReads {
		n, err := f.src.Read(f.buf[f.end:])
		f.end += n
		f.filled = f.end == len(f.buf)
		f.err = err
		if n > 0 || err != nil {
			return
		}
	}
	f.err = io.ErrNoProgress
}
