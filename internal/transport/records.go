package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	headerBytes = 4         // the length of a record, little endian
	readBytes   = 64 << 10  // of one read; larger records get a buffer of their own
	growBytes   = 256 << 10 // of such a buffer before the record's bytes have come
)

// errRecord says that a record is announced that may not be, so that nothing
// behind it can be read either.
var errRecord = errors.New("transport: record of a forbidden size")

// recordReader splits what a connection brings into records.
type recordReader struct {
	r     io.Reader
	max   int
	buf   []byte
	first int    // buf[first:end] was read and not taken
	end   int    //
	large []byte // a record that does not fit into buf, whole

	partial []byte // of one that is not whole, or nil: have bytes have come, of size
	have    int
	size    int
}

func newRecordReader(r io.Reader, maxRecordBytes int) *recordReader {
	return &recordReader{r: r, max: maxRecordBytes, buf: make([]byte, readBytes)}
}

// next returns the next record that is there, without its header, or nil. It is
// valid until fill, except when it is own: then it has a buffer to itself, which
// is not used again.
func (rr *recordReader) next() (body []byte, own bool, err error) {
	if rr.large != nil {
		body, rr.large = rr.large, nil
		return body, true, nil
	}
	size, ok, err := rr.peek()
	if !ok || err != nil || rr.end-rr.first < headerBytes+size {
		return nil, false, err
	}
	body = rr.buf[rr.first+headerBytes : rr.first+headerBytes+size]
	rr.first += headerBytes + size
	return body, false, nil
}

// peek returns the size of the next record if its header is there.
func (rr *recordReader) peek() (size int, ok bool, err error) {
	if rr.end-rr.first < headerBytes {
		return 0, false, nil
	}
	n := binary.LittleEndian.Uint32(rr.buf[rr.first:])
	if n == 0 || uint64(n) > uint64(rr.max) {
		return 0, false, fmt.Errorf("%w: %d bytes, 1 to %d are allowed", errRecord, n, rr.max)
	}
	return int(n), true, nil
}

// fill reads once. It is called when next has returned nil, which it may do
// afterwards too: when a large record is not complete.
func (rr *recordReader) fill() error {
	if rr.partial != nil {
		return rr.fillLarge()
	}
	size, ok, err := rr.peek()
	if err != nil {
		return err
	}
	if ok && headerBytes+size > len(rr.buf) {
		rr.size = size
		rr.partial = make([]byte, min(size, growBytes))
		rr.have = copy(rr.partial, rr.buf[rr.first+headerBytes:rr.end])
		rr.first, rr.end = 0, 0
		return rr.fillLarge()
	}
	rr.end = copy(rr.buf, rr.buf[rr.first:rr.end])
	rr.first = 0
	n, err := rr.r.Read(rr.buf[rr.end:])
	rr.end += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// fillLarge goes on with a large record. Its buffer doubles as the bytes arrive,
// so that a length alone takes no memory, and ends up with the record's exact size.
func (rr *recordReader) fillLarge() error {
	n, err := rr.r.Read(rr.partial[rr.have:])
	rr.have += n
	if rr.have == len(rr.partial) && rr.have < rr.size {
		grown := make([]byte, min(rr.size, 2*rr.have))
		copy(grown, rr.partial)
		rr.partial = grown
	}
	if rr.have == rr.size {
		rr.large, rr.partial = rr.partial, nil
	}
	if n > 0 {
		return nil // an error comes again
	}
	return err
}
