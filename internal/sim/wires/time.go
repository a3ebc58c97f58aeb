package wires

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/heap"
)

// event is something that happens at a moment of virtual time. Of two at the
// same moment the one that was planned first comes first.
type event struct {
	at   time.Duration
	seq  uint64
	what func()
}

func (e event) before(f event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// Time is virtual: it goes from one event to the next.
type Time struct {
	Now    time.Duration
	events heap.Heap[event] // of what is to happen
	seq    uint64
}

// After has something happen after a while.
func (q *Time) After(d time.Duration, what func()) { q.At(q.Now+max(d, 0), what) }

// At has something happen at a time.
func (q *Time) At(at time.Duration, what func()) {
	q.seq++
	q.events.Before = event.before
	q.events.Push(event{at: at, seq: q.seq, what: what})
}

// Comes reports whether there is an event until a time.
func (q *Time) Comes(until time.Duration) bool {
	return q.events.Len() > 0 && q.events.First().at <= until
}

// Step lets the next event happen. There must be one.
func (q *Time) Step() {
	e := q.events.Pop()
	q.Now = max(q.Now, e.at)
	e.what()
}
