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

// fill reads once, or as often as it takes to complete a large record. It is
// called when next has returned nil.
func (rr *recordReader) fill() error {
	size, ok, err := rr.peek()
	if err != nil {
		return err
	}
	if ok && headerBytes+size > len(rr.buf) {
		return rr.fillLarge(size)
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

// fillLarge reads the rest of a record that buf ends with. Its buffer doubles as
// the bytes arrive, so that a length alone takes no memory, and ends up with
// the record's exact size.
func (rr *recordReader) fillLarge(size int) error {
	record := make([]byte, min(size, growBytes))
	have := copy(record, rr.buf[rr.first+headerBytes:rr.end])
	rr.first, rr.end = 0, 0
	for {
		if _, err := io.ReadFull(rr.r, record[have:]); err != nil {
			return err
		}
		if len(record) == size {
			rr.large = record
			return nil
		}
		have = len(record)
		grown := make([]byte, min(size, 2*have))
		copy(grown, record)
		record = grown
	}
}
