package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// clock is the one clock of a run: nanoseconds since its beginning.
type clock struct{ base time.Time }

func newClock() clock { return clock{base: time.Now()} }

func (c clock) now() int64 { return int64(time.Since(c.base)) }

// record is one operation and how it counts.
type record struct {
	op       history.Op
	intended int64 // when it should have begun; latency counts from here
	err      error
	home     string // node of the client, should none have answered
	counts   bool   // in the figures
	from     int64  // begin of the time that counts
	until    int64  // and its end
}

// Bounds of a logbook, in records: together no more than totalRecords, each at
// least minRecords.
const (
	totalRecords = 1 << 17
	minRecords   = 64
)

// logbook is where one client notes what it does, for the auditor to read.
type logbook struct {
	clock  clock
	lowest *atomic.Uint64 // position that every node has delivered, set by the auditor
	nudge  chan<- struct{}
	limit  int

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // there is room again
	records []record
	flights []flight // operations under way, the oldest first
	landed  int      // of flights, those that have ended
	held    time.Duration
	done    bool // the auditor reads no more
}

// flight is an operation under way.
type flight struct {
	start int64
	floor uint64 // no answer to it has a lower position
}

func newLogbook(c clock, lowest *atomic.Uint64, nudge chan<- struct{}, clients int) *logbook {
	l := &logbook{
		clock: c, lowest: lowest, nudge: nudge,
		limit: max(minRecords, totalRecords/max(1, clients)),
	}
	l.room.L = &l.mu
	return l
}

// begin notes that an operation begins, and returns when.
func (l *logbook) begin() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := flight{start: l.clock.now(), floor: l.lowest.Load()}
	if l.landed > 0 && l.landed == len(l.flights) {
		l.flights, l.landed = l.flights[:0], 0
	} else if len(l.flights) == cap(l.flights) {
		l.flights = append(l.flights[:0], l.flights[l.landed:]...)
		l.landed = 0
	}
	l.flights = append(l.flights, f)
	return f.start
}

// end notes what became of the oldest operation under way. The time of its end is read while
// the logbook is locked, so that whoever has read the logbook at a time has
// every operation that ended before.
func (l *logbook) end(r *record) {
	l.mu.Lock()
	r.op.End = l.clock.now()
	l.records = append(l.records, *r)
	l.landed++
	n := len(l.records)
	if n == l.limit/2 || n >= l.limit {
		select {
		case l.nudge <- struct{}{}:
		default: // it is nudged already
		}
	}
	if n >= l.limit {
		for len(l.records) >= l.limit && !l.done {
			l.room.Wait()
		}
		l.held += time.Duration(l.clock.now() - r.op.End)
	}
	l.mu.Unlock()
}

// page is what the auditor takes out of a logbook.
type page struct {
	records []record
	start   int64 // of the oldest operation under way, -1: none
	floor   uint64
}

// take returns what was noted, and leaves spare to write on.
func (l *logbook) take(spare []record) page {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := page{records: l.records, start: -1}
	if l.landed < len(l.flights) {
		oldest := l.flights[l.landed]
		p.start, p.floor = oldest.start, oldest.floor
	}
	l.records = spare[:0]
	l.room.Signal()
	return p
}

// close lets the client go on without being read.
func (l *logbook) close() (held time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	l.room.Signal()
	return l.held
}
