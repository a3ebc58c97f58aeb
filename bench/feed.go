package bench

import (
	"sync"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// event is what a feed tells of its node.
type event struct {
	kind     eventKind
	delivery wire.Delivery // eventDelivery
	why      string        // eventLost
}

type eventKind uint8

const (
	eventDelivery eventKind = iota
	eventRestart            // the node loaded a snapshot: the next delivery follows that
	eventEnd                // the node left or died
	eventLost               // the deliveries ended although the node lives
)

// maxFeed bounds the events that wait in a feed whose source can be stopped.
const maxFeed = 1 << 14

// feed takes the deliveries of one node to the auditor.
type feed struct {
	name string
	over bool // no events come any more; the auditor's

	mu     sync.Mutex // guards what follows
	room   sync.Cond  // there is room again
	queue  []event
	closed bool
}

// deliver adds a delivery and does not wait: for a node of this process, whose
// protocol loop must not. What it delivers is bounded by what clients asked
// for, and those wait for the auditor.
func (f *feed) deliver(d *wire.Delivery) {
	f.mu.Lock()
	f.queue = append(f.queue, event{kind: eventDelivery, delivery: *d})
	f.mu.Unlock()
}

// deliverOrWait adds a delivery when there is room for it. It reports false
// when the auditor has stopped.
func (f *feed) deliverOrWait(d *wire.Delivery) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) >= maxFeed && !f.closed {
		f.room.Wait()
	}
	if !f.closed {
		f.queue = append(f.queue, event{kind: eventDelivery, delivery: *d})
	}
	return !f.closed
}

// tell adds an event that is no delivery.
func (f *feed) tell(kind eventKind, why string) {
	f.mu.Lock()
	f.queue = append(f.queue, event{kind: kind, why: why})
	f.mu.Unlock()
}

// take returns what is waiting, and leaves spare to gather in.
func (f *feed) take(spare []event) []event {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.queue
	f.queue = spare[:0]
	f.room.Broadcast()
	return got
}

// feeds has the feeds of a run. Nodes join while it is under way.
type feeds struct {
	mu   sync.Mutex // guards list
	list []*feed
}

// join adds a feed. Its name is the node's, or something more exact if that is
// taken already.
func (s *feeds) join(name, exact string) *feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.list {
		if f.name == name {
			name = exact
			break
		}
	}
	f := &feed{name: name}
	f.room.L = &f.mu
	s.list = append(s.list, f)
	return f
}

// all returns the feeds of now, in the order in which they joined.
func (s *feeds) all() []*feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[:len(s.list):len(s.list)]
}

// close lets everybody go who waits for room.
func (s *feeds) close() {
	for _, f := range s.all() {
		f.mu.Lock()
		f.closed = true
		f.room.Broadcast()
		f.mu.Unlock()
	}
}
