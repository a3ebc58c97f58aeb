package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// errInterrupted is wrapped by the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruption is that cause.
type interruption struct{ signal os.Signal }

func (e *interruption) Error() string {
	return fmt.Sprintf("%v by signal %q", errInterrupted, e.signal)
}
func (e *interruption) Unwrap() error { return errInterrupted }

// exitStatus is that of a process that the signal ended, as shells have it.
func (e *interruption) exitStatus() int {
	if number, ok := e.signal.(syscall.Signal); ok {
		return exitSignal + int(number)
	}
	return exitFailure
}

// interruptible returns a context that ends with the first signal. The caller
// must call stop, which gives further signals back to others.
func (s *surroundings) interruptible(parent context.Context) (ctx context.Context, stop func()) {
	return s.interruptibleBy(parent, func(os.Signal) bool { return true })
}

// interruptibleBy is interruptible for the signals that count; others are dropped.
func (s *surroundings) interruptibleBy(parent context.Context, counts func(os.Signal) bool) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			select {
			case sig := <-s.signals:
				if counts(sig) {
					cancel(&interruption{sig})
				}
			case <-ctx.Done():
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-stopped
	}
}

// answer is what a call returned.
type answer[T any] struct {
	value T
	err   error
}

// abandonable returns what call returns, or the cause of the context's end if that
// comes first. It is for calls that cannot be interrupted, such as a read from a
// pipe: the call then goes on until the process ends, and what it returns is
// dropped.
func abandonable[T any](ctx context.Context, call func() (T, error)) (T, error) {
	answers := make(chan answer[T], 1)
	go func() {
		value, err := call()
		answers <- answer[T]{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// lastWords bounds how long what is written after a signal may take: an answer
// that has arrived is worth showing, if somebody reads.
const lastWords = 100 * time.Millisecond

// interruptibleWriter is a writer whose calls end soon after the context does,
// although nobody reads what they write.
type interruptibleWriter struct {
	ctx context.Context //nolint:containedctx // the one of the command, which an io.Writer cannot be given
	w   io.Writer
	err error // the first that Write has returned
}

// Write writes all of text, or returns an error.
func (w *interruptibleWriter) Write(text []byte) (n int, err error) {
	defer func() { w.err = cmp.Or(w.err, err) }()
	late, cancel := context.WithCancelCause(context.WithoutCancel(w.ctx))
	defer cancel(nil)
	stop := context.AfterFunc(w.ctx, func() {
		time.AfterFunc(lastWords, func() { cancel(context.Cause(w.ctx)) })
	})
	defer stop()
	return abandonable(late, func() (int, error) { return w.w.Write(text) })
}
