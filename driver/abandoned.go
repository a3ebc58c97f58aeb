package driver

import (
	"fmt"
	"sync"
)

// AbandonedError is the error of a Close that gave up outstanding asynchronous writes.
// Each of their Futures returns ErrClosed; the Futures of writes that were sent also
// return ErrOutcomeUnknown.
type AbandonedError struct {
	Writes  int // all that were given up
	Unknown int // of these, those that were sent: they may have been executed
}

func (e *AbandonedError) Error() string {
	return fmt.Sprintf("%v: %d, of which %d were sent and may have been executed (call Flush before Close to wait for them)",
		ErrAbandoned, e.Writes, e.Unknown)
}

// Unwrap makes errors.Is(err, ErrAbandoned) true.
func (e *AbandonedError) Unwrap() error { return ErrAbandoned }

// count counts a write that was given up, unless its caller waits for it.
func (e *AbandonedError) count(f *Future) {
	if f.awaited {
		return
	}
	e.Writes++
	if f.write.Unknown() {
		e.Unknown++
	}
}

func (e *AbandonedError) add(other AbandonedError) {
	e.Writes += other.Writes
	e.Unknown += other.Unknown
}

// err is the error, nil if nothing was given up.
func (e AbandonedError) err() error {
	if e.Writes == 0 {
		return nil
	}
	return &e
}

// abandoned counts the writes of a handle that were given up when it, or its DB,
// was closed.
type abandoned struct {
	mu  sync.Mutex // guards sum
	sum AbandonedError
}

func (a *abandoned) add(more AbandonedError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.add(more)
}

func (a *abandoned) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sum.err()
}
