package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// Clock is the one clock of a run: nanoseconds since its beginning.
type Clock struct{ base time.Time }

// NewClock returns a clock that begins now.
func NewClock() Clock { return Clock{base: time.Now()} }

// Now returns the nanoseconds since the beginning.
func (c Clock) Now() int64 { return int64(time.Since(c.base)) }

// Record is one operation and how it counts.
type Record struct {
	Op       history.Op
	Intended int64 // when it should have begun; latency counts from here
	Err      error
	Home     string // node of the client, should none have answered
	Counts   bool   // in the figures
	From     int64  // begin of the time that counts
	Until    int64  // and its end
}

// itemsPerRecord is how many items that a scan has shown take as much memory as a record.
const itemsPerRecord = 4

// weight is how many records r counts for.
func (r *Record) weight() int {
	if r.Op.Scan == nil {
		return 1
	}
	return 1 + len(r.Op.Scan.Items)/itemsPerRecord
}

// Bounds of a logbook, in records: together no more than totalRecords, each at
// least minRecords.
const (
	totalRecords = 1 << 17
	minRecords   = 64
)

// Logbook is where one client notes what it does, for somebody else to read.
type Logbook struct {
	clock  Clock
	lowest *atomic.Uint64 // position that every node has delivered, set by the auditor
	nudge  chan<- struct{}
	limit  int

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // there is room again
	records []Record
	weight  int      // of records
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

// NewLogbook returns the logbook of one of so many clients. lowest is the position that every
// node has delivered, as of now; nudge wakes whoever reads when there is much to read.
func NewLogbook(c Clock, lowest *atomic.Uint64, nudge chan<- struct{}, clients int) *Logbook {
	l := &Logbook{
		clock: c, lowest: lowest, nudge: nudge,
		limit: max(minRecords, totalRecords/max(1, clients)),
	}
	l.room.L = &l.mu
	return l
}

// Begin notes that an operation begins, and returns when.
func (l *Logbook) Begin() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := flight{start: l.clock.Now(), floor: l.lowest.Load()}
	if l.landed > 0 && l.landed == len(l.flights) {
		l.flights, l.landed = l.flights[:0], 0
	} else if len(l.flights) == cap(l.flights) {
		l.flights = append(l.flights[:0], l.flights[l.landed:]...)
		l.landed = 0
	}
	l.flights = append(l.flights, f)
	return f.start
}

// End notes what became of the oldest operation under way. The time of its end is read while
// the logbook is locked, so that whoever has read the logbook at a time has
// every operation that ended before.
func (l *Logbook) End(r *Record) {
	l.mu.Lock()
	r.Op.End = l.clock.Now()
	l.records = append(l.records, *r)
	l.landed++
	before := l.weight
	l.weight += r.weight()
	if before < l.limit/2 && l.weight >= l.limit/2 || l.weight >= l.limit {
		select {
		case l.nudge <- struct{}{}:
		default: // it is nudged already
		}
	}
	if l.weight >= l.limit {
		for l.weight >= l.limit && !l.done {
			l.room.Wait()
		}
		l.held += time.Duration(l.clock.Now() - r.Op.End)
	}
	l.mu.Unlock()
}

// Page is what is taken out of a logbook.
type Page struct {
	Records []Record
	Start   int64 // of the oldest operation under way, -1: none
	Floor   uint64
}

// Take returns what was noted, and leaves spare to write on.
func (l *Logbook) Take(spare []Record) Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := Page{Records: l.records, Start: -1}
	if l.landed < len(l.flights) {
		oldest := l.flights[l.landed]
		p.Start, p.Floor = oldest.start, oldest.floor
	}
	l.records, l.weight = spare[:0], 0
	l.room.Signal()
	return p
}

// Close lets the client go on without being read.
func (l *Logbook) Close() (held time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	l.room.Signal()
	return l.held
}
