package cluster

import (
	"sync"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Event is what a feed tells of its node.
type Event struct {
	Kind     EventKind
	Delivery wire.Delivery // EventDelivery
	Why      string        // EventLost
}

// EventKind is what an Event tells.
type EventKind uint8

// Kinds of events.
const (
	EventDelivery EventKind = iota
	EventRestart            // the node loaded a snapshot: the next delivery follows that
	EventEnd                // the node left or died
	EventLost               // the deliveries ended although the node lives
)

// maxFeed bounds the events that wait in a feed whose source can be stopped.
const maxFeed = 1 << 14

// Feed takes the deliveries of one node to the auditor.
type Feed struct {
	Name string
	Over bool // no events come any more; the auditor's

	mu     sync.Mutex // guards what follows
	room   sync.Cond  // there is room again
	queue  []Event
	closed bool
}

// Deliver adds a delivery and does not wait: for a node of this process, whose
// protocol loop must not. What it delivers is bounded by what clients asked
// for, and those wait for the auditor.
func (f *Feed) Deliver(d *wire.Delivery) {
	f.mu.Lock()
	f.queue = append(f.queue, Event{Kind: EventDelivery, Delivery: *d})
	f.mu.Unlock()
}

// deliverOrWait adds a delivery when there is room for it. It reports false
// when the auditor has stopped.
func (f *Feed) deliverOrWait(d *wire.Delivery) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) >= maxFeed && !f.closed {
		f.room.Wait()
	}
	if !f.closed {
		f.queue = append(f.queue, Event{Kind: EventDelivery, Delivery: *d})
	}
	return !f.closed
}

// tell adds an event that is no delivery.
func (f *Feed) tell(kind EventKind, why string) {
	f.mu.Lock()
	f.queue = append(f.queue, Event{Kind: kind, Why: why})
	f.mu.Unlock()
}

// Take returns what is waiting, and leaves spare to gather in.
func (f *Feed) Take(spare []Event) []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.queue
	f.queue = spare[:0]
	f.room.Broadcast()
	return got
}

// Feeds has the feeds of a run. Nodes join while it is under way.
type Feeds struct {
	mu   sync.Mutex // guards list
	list []*Feed
}

// Join adds a feed. Its name is the node's, or something more exact if that is
// taken already.
func (s *Feeds) Join(name, exact string) *Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if f.Name == name {
			name = exact
			break
		}
	}
	f := &Feed{Name: name}
	f.room.L = &f.mu
	s.list = append(s.list, f)
	return f
}

// All returns the feeds of now, in the order in which they joined.
func (s *Feeds) All() []*Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[:len(s.list):len(s.list)]
}

// close lets everybody go who waits for room.
func (s *Feeds) close() {
	for _, f := range s.All() {
		f.mu.Lock()
		f.closed = true
		f.room.Broadcast()
		f.mu.Unlock()
	}
}
