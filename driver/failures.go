package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxFailures bounds the failed writes that a handle remembers for Flush.
const maxFailures = 1024

// failures are the asynchronous writes that have failed. Flush returns the errors of
// those whose Wait has not. If there are too many, the first are kept.
type failures struct {
	mu   sync.Mutex // guards list
	list []*Future  // in the order in which they failed
}

func (l *failures) add(f *Future) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == maxFailures {
		l.list = slices.DeleteFunc(l.list, func(f *Future) bool { return f.told.Load() })
	}
	if len(l.list) < maxFailures {
		l.list = append(l.list, f)
	}
}

// take forgets all, and returns the first error that was not returned before.
func (l *failures) take() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first error
	for _, f := range l.list {
		if !f.told.Swap(true) && first == nil {
			first = f.failure()
		}
	}
	l.list = nil
	return first
}

// failure is the error of a write that has failed, which names the variable.
func (f *Future) failure() error {
	return fmt.Errorf("driver: asynchronous write of %q: %w", f.key, f.err)
}

// Flush waits until all asynchronous writes of the session that were issued before
// have their outcome. It returns the first error that neither its Future's Wait nor an
// earlier Flush has returned; all failures up to then count as returned. If ctx ends
// first, it returns an error that wraps the context's, and nothing counts as returned.
// Of failures whose Futures are not waited for, the first 1,024 are kept.
func (h *handle) Flush(ctx context.Context) error {
	closed := h.usable() // it may have been closed long ago, with nothing outstanding
	var givenUp error
	if w := h.state.Load().writer; w.outstanding.Load() != 0 {
		for _, f := range w.unended() {
			select {
			case <-f.Done():
			case <-ctx.Done():
				return fmt.Errorf("driver: flush: %w", h.gone(ctx.Err()))
			}
			if givenUp == nil && errors.Is(f.err, ErrClosed) {
				givenUp = f.failure()
			}
		}
	}
	if err := h.failures.take(); err != nil {
		return err
	}
	return cmp.Or(givenUp, closed)
}
