package nbio

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// ErrOverflow says that the other side stays behind for more bytes than the
// Writer may hold. What was kept before is still on its way, but the bytes of
// the call that failed are not: the order is broken, so close the connection.
var ErrOverflow = errors.New("nbio: the other side does not read fast enough, close its connection")

// keptCapacity is the largest buffer that an idle Writer keeps for reuse.
const keptCapacity = 256 << 10

// Writer is the output of a connection. One goroutine at a time, its owner,
// calls Append, Buffer, Keep and Flush; Close and Buffered may be called by
// any. No method but Close and Drain waits for anything.
//
// Bytes go out in the order in which they came in.
type Writer struct {
	conn        net.Conn
	try         *Tryer
	maxBuffered int

	out    []byte       // the owner's: appended since the last Flush
	behind atomic.Int64 // bytes flushed and not written: len(pending) and what the drainer has in hand

	mu       sync.Mutex // guards what follows
	pending  []byte     // flushed, after what the drainer has in hand
	spare    []byte     // the drainer's former buffer, to be filled next
	draining bool       // the drainer runs; only it may write to conn
	err      error      // the first; nothing is written after it
	drainers sync.WaitGroup
}

// NewWriter returns a Writer that holds at most maxBuffered bytes for a
// connection that does not take them.
func NewWriter(conn net.Conn, maxBuffered int) *Writer {
	return &Writer{conn: conn, try: NewTryer(conn), maxBuffered: maxBuffered}
}

// Append adds b to what the next Flush writes. b may be reused afterwards.
// It returns ErrOverflow if b does not fit.
func (w *Writer) Append(b []byte) error {
	return w.Keep(append(w.out, b...))
}

// Buffer returns what was added since the last Flush, for the caller to append
// to and hand to Keep.
func (w *Writer) Buffer() []byte {
	return w.out
}

// Keep takes back what Buffer returned, with more appended to it. It returns
// ErrOverflow, and keeps nothing of the addition, if that does not fit.
func (w *Writer) Keep(b []byte) error {
	if len(b)+w.Buffered() > w.maxBuffered {
		return ErrOverflow
	}
	w.out = b
	return nil
}

// Buffered returns how many flushed bytes the connection has not taken yet.
func (w *Writer) Buffered() int {
	return int(w.behind.Load())
}

// Flush writes what was added, as far as the connection takes it at once, and
// leaves the rest to a goroutine. It returns the first error that any write to
// the connection had.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.out
	w.out = w.out[:0]
	if len(out) == 0 || w.err != nil {
		return w.err
	}
	if w.draining {
		w.postponeLocked(out)
		return nil
	}
	n, err := w.try.TryWrite(out)
	switch {
	case err != nil:
		w.err = err
	case n < len(out):
		w.postponeLocked(out[n:])
		w.draining = true
		w.drainers.Go(w.drain)
	}
	if cap(out) > keptCapacity {
		w.out = nil
	}
	return w.err
}

// postponeLocked keeps a copy of b for the drainer.
func (w *Writer) postponeLocked(b []byte) {
	w.pending = append(w.pending, b...)
	w.behind.Add(int64(len(b)))
}

// drain writes what is pending until nothing is.
func (w *Writer) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > 0 && w.err == nil {
		b := w.pending
		w.pending, w.spare = w.spare[:0], nil
		w.mu.Unlock()
		_, err := w.conn.Write(b)
		w.mu.Lock()
		w.behind.Add(-int64(len(b)))
		if w.err == nil {
			w.err = err
		}
		if cap(b) <= keptCapacity {
			w.spare = b[:0]
		}
	}
	if cap(w.pending) > keptCapacity {
		w.pending = nil
	}
	w.draining = false
}

// Close closes the connection, which drops what it has not taken, and returns
// once the goroutine that was writing has ended. Flush returns net.ErrClosed
// from then on.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.err == nil {
		w.err = net.ErrClosed
	}
	w.mu.Unlock()
	err := w.conn.Close()
	w.drainers.Wait()
	return err
}
