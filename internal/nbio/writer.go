package nbio

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOverflow says that the other side stays behind for more bytes than the
// Writer may hold. What was kept before is still on its way, but the bytes of
// the call that failed are not: the order is broken, so close the connection.
var ErrOverflow = errors.New("nbio: the peer reads too slowly: close its connection")

// keptCapacity is the largest buffer that an idle Writer keeps for reuse.
const keptCapacity = 256 << 10

// Limits bound what a connection may cost that does not read.
type Limits struct {
	// MaxBuffered is how many bytes a Writer may hold. Required.
	MaxBuffered int
	// Patience is how long the other side may take for the next 64 KiB of what
	// it is behind. The connection of one that takes longer is closed, and the
	// error is os.ErrDeadlineExceeded. Default 0: for ever.
	Patience time.Duration
	// Shared, if set, counts what all Writers that have it hold together.
	Shared *atomic.Int64
}

// Writer is the output of a connection. One goroutine at a time, its owner,
// calls Append, Buffer, Keep and Flush; Close, Drop, AwaitBelow and Buffered may
// be called by any. No method but Close, Drain and AwaitBelow waits for anything.
//
// Bytes go out in the order in which they came in.
type Writer struct {
	conn   net.Conn
	try    *Tryer
	limits Limits

	out    []byte       // the owner's: appended since the last Flush
	behind atomic.Int64 // bytes flushed and not written: what is pending and what the drainer has in hand

	mu       sync.Mutex // guards what follows
	less     sync.Cond  // behind has become less
	pending  Queue      // flushed, after what the drainer has in hand
	draining bool       // the drainer runs; only it may write to conn
	err      error      // the first; nothing is written after it
	drainers sync.WaitGroup
}

// NewWriter returns a Writer for a connection.
func NewWriter(conn net.Conn, limits Limits) *Writer {
	if limits.Shared == nil {
		limits.Shared = new(atomic.Int64)
	}
	w := &Writer{conn: conn, try: NewTryer(conn), limits: limits}
	w.less.L = &w.mu
	return w
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
	if len(b)+w.Buffered() > w.limits.MaxBuffered {
		return ErrOverflow
	}
	w.out = b
	return nil
}

// Buffered returns how many flushed bytes the connection has not taken yet.
func (w *Writer) Buffered() int {
	return int(w.behind.Load())
}

// AwaitBelow waits until the connection has taken all but some of what was
// flushed, or has failed, and returns the first error.
func (w *Writer) AwaitBelow(bytes int) error {
	if w.Buffered() <= bytes {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.Buffered() > bytes {
		w.less.Wait()
	}
	return w.err
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
	n := 0
	if !w.draining {
		if n, w.err = w.try.TryWrite(out); w.err != nil {
			return w.err
		}
	}
	if n < len(out) {
		w.postponeLocked(out[n:])
	}
	if cap(out) > keptCapacity {
		w.out = nil
	}
	return nil
}

// postponeLocked keeps what the owner has flushed for the drainer: a copy, unless
// the owner will not use its buffer again.
func (w *Writer) postponeLocked(rest []byte) {
	if len(rest) > keptCapacity {
		w.pending.Push(rest)
		w.out = nil
	} else {
		w.pending.Append(rest)
	}
	w.behind.Add(int64(len(rest)))
	w.limits.Shared.Add(int64(len(rest)))
	if !w.draining {
		w.draining = true
		w.drainers.Go(w.drain)
	}
}

// drain writes what is pending until nothing is.
func (w *Writer) drain() {
	var segment, left []byte // left: of segment
	WriteRest(w.conn, w.limits.Patience, func(written int, err error) []byte {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case w.err != nil: // and nothing counts any more
		case err != nil:
			w.failLocked(err)
		default:
			w.lessenLocked(written)
			left = left[written:]
		}
		if w.err == nil && len(left) == 0 {
			if segment != nil {
				w.pending.Recycle(segment)
			}
			segment = w.pending.Pop()
			left = segment
		}
		if w.err != nil || len(left) == 0 {
			w.drainedLocked()
			return nil
		}
		return left[:min(len(left), PortionBytes)]
	})
}

// drainedLocked ends the drainer.
func (w *Writer) drainedLocked() {
	if w.err == nil && w.limits.Patience > 0 {
		// The owner's writes never wait, and must not find the time up.
		if err := w.conn.SetWriteDeadline(time.Time{}); err != nil {
			w.failLocked(err)
		}
	}
	w.draining = false
}

func (w *Writer) lessenLocked(bytes int) {
	w.behind.Add(-int64(bytes))
	w.limits.Shared.Add(-int64(bytes))
	w.less.Broadcast()
}

// failLocked drops all that was to be written. It closes the connection, whose
// reader may wait for nothing else.
func (w *Writer) failLocked(err error) {
	w.endLocked(err)
	_ = w.conn.Close() // the first error says more
}

// endLocked drops all that was to be written.
func (w *Writer) endLocked(err error) {
	if w.err == nil {
		w.err = err
	}
	w.pending.Clear()
	w.lessenLocked(w.Buffered())
}

// Drop gives the connection up at once, as one that does not read fast enough,
// and with it what was to be written.
func (w *Writer) Drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(ErrOverflow)
}

// Close closes the connection, which drops what it has not taken, and returns
// once the goroutine that was writing has ended. Flush returns net.ErrClosed
// from then on.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.endLocked(net.ErrClosed)
	w.mu.Unlock()
	err := w.conn.Close()
	w.drainers.Wait()
	return err
}
