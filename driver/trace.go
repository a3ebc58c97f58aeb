package driver

import (
	"context"
	"sync/atomic"
)

// OpTrace describes how an operation was executed. Benchmarks and checkers use it to
// compare positions in the group's total order.
type OpTrace struct {
	// Position is the place in the total order that the operation reflects: for
	// a write its own, which a CompareAndSet that failed and a Delete that found
	// nothing have too. 0 if nothing answered.
	Position uint64

	// Node is the id of the node that answered, "" if none did.
	Node string

	// Session and Seq name a write within the group: its session's id, and its
	// number there. Both are 0 for a read, and if the session was not opened.
	Session uint64
	Seq     uint64

	// Attempts is how often the operation was tried.
	Attempts int
}

// traceKey is the key of an OpTrace in a context.
type traceKey struct{}

// tracing is set by the first use of WithTrace: until then operations need not
// look into their contexts.
var tracing atomic.Bool

// WithTrace returns a context. An operation with this context fills in trace before it
// returns. Operations that run at the same time must not share a trace.
func WithTrace(ctx context.Context, trace *OpTrace) context.Context {
	tracing.Store(true)
	return context.WithValue(ctx, traceKey{}, trace)
}

// traceOf returns the trace that a context asks for, nil if none.
func traceOf(ctx context.Context) *OpTrace {
	if !tracing.Load() {
		return nil
	}
	trace, _ := ctx.Value(traceKey{}).(*OpTrace)
	return trace
}

// fill describes an operation that has ended. position is 0 if nothing answered.
func (t *OpTrace) fill(op *operation, position uint64) {
	*t = OpTrace{Position: position, Node: op.answered.NodeID, Attempts: op.Attempts()}
	t.Session, t.Seq = op.Numbered()
}
