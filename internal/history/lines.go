package history

import "io"

// flushBytes is how much is gathered before it is written. Lines are longer
// than that only for values of hundreds of kilobytes.
const flushBytes = 256 << 10

// lineWriter gathers lines and writes them in large pieces that end with a
// line.
type lineWriter struct {
	dst io.Writer
	buf []byte // whole lines not yet written
	err error  // the first error, kept for ever
}

// end takes buf, which is l.buf with whole lines appended, and writes it when
// there is enough.
func (l *lineWriter) end(buf []byte) error {
	l.buf = buf
	if len(buf) < flushBytes {
		return l.err
	}
	return l.flush()
}

func (l *lineWriter) flush() error {
	if l.err == nil && len(l.buf) > 0 {
		_, l.err = l.dst.Write(l.buf)
	}
	l.buf = l.buf[:0]
	return l.err
}
