package store

import (
	"slices"
	"sync/atomic"
)

// openSnapshots are those the owner has taken and not yet seen closed. Only
// closures is for other goroutines.
type openSnapshots struct {
	list     []*Snapshot // by position
	taken    uint64      // number of the newest, counted from 1
	closures atomic.Uint64
	seen     uint64 // closures, as of the last retire
}

func (o *openSnapshots) any() bool { return len(o.list) > 0 }

// oldest returns the lowest position of an open snapshot, of which there must
// be one.
func (o *openSnapshots) oldest() uint64 { return o.list[0].position }

// sees reports whether an open snapshot will yet look at what was written to the
// entry with this slot at from and replaced at until.
func (o *openSnapshots) sees(slot uint32, from, until uint64) bool {
	for _, s := range o.list {
		if from <= s.position && s.position < until && slot > s.passed.Load() {
			return true
		}
	}
	return false
}

// trimSteps is in how many steps a snapshot lets go of what it has passed.
const trimSteps = 16

// passedStep reports whether an open snapshot has passed another step since this
// was asked last.
func (o *openSnapshots) passedStep() bool {
	for _, s := range o.list {
		step := uint64(s.passed.Load()) * trimSteps / uint64(s.entries.highest+1)
		if step > s.trimmed {
			s.trimmed = step
			return true
		}
	}
	return false
}

// add numbers a snapshot and keeps it.
func (o *openSnapshots) add(s *Snapshot) {
	o.taken++
	s.number = o.taken
	o.list = append(o.list, s)
}

// retire forgets snapshots that have been closed, and reports whether there
// were any.
func (o *openSnapshots) retire() bool {
	closures := o.closures.Load()
	if closures == o.seen {
		return false
	}
	o.seen = closures
	o.list = slices.DeleteFunc(o.list, func(s *Snapshot) bool { return s.closed.Load() })
	return true
}
