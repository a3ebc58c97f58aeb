package session

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Watch is what a client knows of a watch: where it continues when its connection has ended.
// Whoever owns it locks it.
type Watch struct {
	query    wire.WatchQuery // what to ask for next
	lagged   int             // servers in a row that no longer keep the position
	failures int             // operations in a row that did not begin it
}

// LagAttempts is how many servers may have forgotten a position before a watch gives up.
const LagAttempts = 3

// maxWatchFailures bounds the failures that a pause counts.
const maxWatchFailures = 11

// Beginning is what the answer of a server means for a watch.
type Beginning uint8

// The beginnings.
const (
	// NotBegun: the watch is not under way there. The operation goes on as the answer says.
	NotBegun Beginning = iota
	// Begun: events follow.
	Begun
	// Lagged: the changes after Position are kept nowhere, so that the watch ends.
	Lagged
)

// NewWatch returns a watch that begins as q says.
func NewWatch(q wire.WatchQuery) Watch { return Watch{query: q} }

// Query returns what to ask a server for. The server must have applied After.
func (w *Watch) Query() wire.WatchQuery { return w.query }

// Position returns the position up to which everything was returned to the caller, 0 if
// that is not known yet.
func (w *Watch) Position() uint64 { return w.query.After }

// Reply takes the answer of a server to Query, by an operation that asks for a state at
// position or later. It makes the answer one of the operation.
func (w *Watch) Reply(reply *wire.Reply, position uint64) Beginning {
	switch reply.Status {
	case wire.StatusOK:
		w.lagged, w.failures = 0, 0
		if w.query.Flags&wire.WatchAfter == 0 {
			w.query.After, w.query.Flags = reply.Position, w.query.Flags|wire.WatchAfter
		}
		reply.Position = max(reply.Position, position)
		return Begun
	case wire.StatusLagged:
		if w.lagged++; w.lagged < LagAttempts {
			reply.Status = wire.StatusUnavailable // another may keep more
			return NotBegun
		}
		*reply = wire.Reply{Position: position}
		return Lagged
	}
	return NotBegun
}

// Returned notes that a change was returned to the caller. The position counts as seen once
// its last change was.
func (w *Watch) Returned(position uint64, last bool) {
	if last && !planted.On(planted.WatchBeginsAgain) {
		w.query.After = position
	}
}

// Progress notes that everything up to a position has come, and reports whether that is news.
func (w *Watch) Progress(position uint64) (news bool) {
	if position <= w.query.After {
		return false
	}
	w.query.After = position
	return true
}

// Ended takes the end of the watch at a server, and reports whether it is over. If not, it
// goes on at another server.
func (w *Watch) Ended(status wire.Status) (over bool) { return status == wire.StatusLagged }

// Pause returns how long to wait after an operation that could not begin the watch. random is
// from [0, 1).
func (w *Watch) Pause(random float64) time.Duration {
	w.failures = min(w.failures+1, maxWatchFailures)
	return Backoff(w.failures, random)
}

// Events gathers the events that a connection brings for a watch, until the position that they
// belong to is complete. The zero value has none.
type Events[E any] struct {
	whole, pending []E
	bytes, partial int
}

// Add takes the next event, which has cost some bytes of what was granted, and reports whether
// it is the last of its position.
func (f *Events[E]) Add(e E, bytes int, last bool) (complete bool) {
	f.partial += bytes
	if !last {
		f.pending = append(f.pending, e)
		return false
	}
	f.whole = append(append(f.whole, f.pending...), e)
	f.bytes += f.partial
	clear(f.pending)
	f.pending, f.partial = f.pending[:0], 0
	return true
}

// End takes the end of the connection. It drops the events of a position that is not complete:
// the next server sends all of them.
func (f *Events[E]) End() {
	if planted.On(planted.TornPositionTaken) {
		f.whole = append(f.whole, f.pending...)
	}
	f.pending, f.partial = nil, 0
}

// Take returns the events of complete positions that it has not returned yet, and what they
// have cost. It puts those that come next into the space of reuse.
func (f *Events[E]) Take(reuse []E) (events []E, bytes int) {
	events, bytes = f.whole, f.bytes
	f.whole, f.bytes = reuse[:0], 0
	return events, bytes
}
