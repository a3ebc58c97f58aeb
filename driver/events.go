package driver

import (
	"sync"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// eventFeed takes the events of a watch from a connection, for the loop that returns them.
// What was granted to the server bounds it.
type eventFeed struct {
	more chan struct{} // full when there may be more

	mu     sync.Mutex // guards what follows
	events session.Events[Event]
	ended  *wire.Event
}

func newEventFeed() *eventFeed { return &eventFeed{more: make(chan struct{}, 1)} }

// Event is part of wire.EventSink.
func (f *eventFeed) Event(e *wire.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == wire.EventEnded {
		ended := *e
		f.ended = &ended
		f.events.End()
		f.wake()
		return
	}
	event := Event{Kind: kindOf(e.Kind), Key: e.Key, Position: e.Position, Last: e.Last}
	if e.Kind == wire.EventPut {
		event.Value = Value{Data: e.Value, Version: e.Position}
	}
	if e.OldVersion != 0 {
		event.Old = Value{Data: e.Old, Version: e.OldVersion}
	}
	cost := 0
	if e.Kind != wire.EventProgress {
		cost = wire.EventBytes + len(e.Key) + len(e.Value) + len(e.Old)
	}
	if f.events.Add(event, cost, e.Last) {
		f.wake()
	}
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
// the watch has ended at the server, if it has. It keeps the space of done, which it returned
// before, for those to come.
func (f *eventFeed) take(done []Event) (events []Event, cost int, ended *wire.Event) {
	clear(done)
	if cap(done) > mostKept {
		done = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	events, cost = f.events.Take(done)
	return events, cost, f.ended
}

// mostKept is how many events a watch has space for while it waits.
const mostKept = 16
