package outlive

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"
)

const (
	// maxQueuedBytes bounds what waits for a reader that stands still.
	maxQueuedBytes = 1 << 20

	// retryInterval is how often a file that takes nothing at the moment, because
	// somebody has made it non-blocking, is tried again.
	retryInterval = 10 * time.Millisecond
)

// Writer hands lines to another writer, in order, without ever waiting for it and
// without ever failing. While that one stands still, up to 1 MiB waits and the
// lines after it are lost; a line that it returns an error for is lost too. Where
// lines are missing, one that says how many comes in their place, once something
// can be written again.
//
// Its methods may be called by many goroutines at once. A goroutine is there only
// while something waits to be written.
type Writer struct {
	w      io.Writer
	notice func(lines uint64) []byte

	mu      sync.Mutex // guards what follows
	queue   []chunk
	bytes   int           // in the queue
	dropped uint64        // lines that would stand behind the queue
	lost    uint64        // lines, ever
	busy    chan struct{} // closed once the queue is empty and all is written; nil: it is

	// What follows belongs to the goroutine that writes.
	missing uint64 // lines that no notice has told of
	torn    bool   // what was written last is the beginning of a lost line
}

// chunk is what one call of Write brought.
type chunk struct {
	text    []byte
	dropped uint64 // lines lost before it
}

// NewWriter returns a Writer to w. notice makes the line which says that so many
// lines are missing where it stands; if it is nil, nothing says so.
func NewWriter(w io.Writer, notice func(lines uint64) []byte) *Writer {
	return &Writer{w: w, notice: notice}
}

// Write takes one line or several. It returns len(p) and no error, whatever
// becomes of them.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes+len(p) > maxQueuedBytes {
		w.dropped += lines(p)
		w.lost += lines(p)
		return len(p), nil
	}
	w.queue = append(w.queue, chunk{text: bytes.Clone(p), dropped: w.dropped})
	w.bytes += len(p)
	w.dropped = 0
	if w.busy == nil {
		w.busy = make(chan struct{})
		go w.drain()
	}
	return len(p), nil
}

// Flush waits until everything taken so far is written or lost, but not longer
// than a time. It reports whether that was long enough.
func (w *Writer) Flush(within time.Duration) bool {
	w.mu.Lock()
	busy := w.busy
	w.mu.Unlock()
	if busy == nil {
		return true
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-busy:
		return true
	case <-timer.C:
		return false
	}
}

// Lost returns how many lines were lost so far.
func (w *Writer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Unwrap returns what the lines are written to.
func (w *Writer) Unwrap() io.Writer { return w.w }

// drain writes until nothing waits.
func (w *Writer) drain() {
	for {
		c, ok := w.next()
		if !ok {
			return
		}
		w.missing += c.dropped
		if w.missing > 0 && w.notice != nil && w.put(w.notice(w.missing)) {
			w.missing = 0
		}
		if len(c.text) > 0 && !w.put(c.text) {
			w.missing += lines(c.text)
			w.mu.Lock()
			w.lost += lines(c.text)
			w.mu.Unlock()
		}
	}
}

// next takes the first chunk, or the number of lines that were lost behind the
// last. If there is nothing, the caller must end.
func (w *Writer) next() (c chunk, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) > 0 {
		c = w.queue[0]
		w.queue[0] = chunk{}
		w.queue = w.queue[1:]
		w.bytes -= len(c.text)
		return c, true
	}
	if w.dropped > 0 {
		c.dropped, w.dropped = w.dropped, 0
		return c, true
	}
	w.queue = nil
	close(w.busy)
	w.busy = nil
	return chunk{}, false
}

// put writes text and reports whether all of it was.
func (w *Writer) put(text []byte) bool {
	if w.torn {
		text = append([]byte{'\n'}, text...)
	}
	for {
		n, err := w.w.Write(text)
		if err == nil {
			w.torn = false
			return true
		}
		if n > 0 {
			w.torn = text[n-1] != '\n'
			text = text[n:]
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return false
		}
		<-time.After(retryInterval)
	}
}

// lines counts the lines of a text, of which the last may lack its end.
func lines(text []byte) uint64 {
	n := bytes.Count(text, []byte{'\n'})
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return uint64(n)
}
