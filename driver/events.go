package driver

import (
	"strings"
	"sync"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// eventFeed takes the events of a watch from a connection, for the loop that returns them.
// What was granted to the server bounds it.
type eventFeed struct {
	more chan struct{} // full when there may be more

	mu      sync.Mutex // guards what follows
	whole   []Event    // of positions that are complete
	pending []Event    // of the position that is not
	bytes   int        // that whole has cost of what was granted
	partial int        // and pending
	ended   *wire.Event
}

func newEventFeed() *eventFeed { return &eventFeed{more: make(chan struct{}, 1)} }

// eventBytes is what an event costs beside its key and its values, as servers count it.
const eventBytes = 16

// Event is part of wire.EventSink.
func (f *eventFeed) Event(e *wire.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == wire.EventEnded {
		ended := *e
		f.ended = &ended
		f.pending = nil // the next server sends all of the position
		f.wake()
		return
	}
	event := Event{Kind: kindOf(e.Kind), Key: strings.Clone(e.Key), Position: e.Position, Last: e.Last}
	if e.Kind == wire.EventPut {
		event.Value = Value{Data: append([]byte{}, e.Value...), Version: e.Position}
	}
	if e.OldVersion != 0 {
		event.Old = Value{Data: append([]byte{}, e.Old...), Version: e.OldVersion}
	}
	if e.Kind != wire.EventProgress {
		f.partial += eventBytes + len(e.Key) + len(e.Value) + len(e.Old)
	}
	f.pending = append(f.pending, event)
	if !e.Last {
		return
	}
	f.whole = append(f.whole, f.pending...)
	f.bytes += f.partial
	f.pending, f.partial = f.pending[:0], 0
	f.wake()
}

func (f *eventFeed) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

func kindOf(k wire.EventKind) EventKind {
	switch k {
	case wire.EventPut:
		return EventPut
	case wire.EventDelete:
		return EventDelete
	case wire.EventExpire:
		return EventExpire
	default:
		return EventProgress
	}
}

// take returns the events that are there, what they have cost of what was granted, and how
// the watch has ended at the server, if it has.
func (f *eventFeed) take() (events []Event, cost int, ended *wire.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	events, cost, ended = f.whole, f.bytes, f.ended
	f.whole, f.bytes = nil, 0
	return events, cost, ended
}
