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

// sees reports whether an open snapshot sees what was written at from and
// replaced at until.
func (o *openSnapshots) sees(from, until uint64) bool {
	for _, s := range o.list {
		if from <= s.position && s.position < until {
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
