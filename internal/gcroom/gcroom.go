// Package gcroom gives a small heap room for garbage, in processes that are nothing
// but a node. The runtime collects when a heap has doubled, from 4 MiB on. A node
// with some thousand variables has a live heap of a few MiB and makes a hundred
// times that of garbage a second, so it would collect ten times a second and more.
//
// The package imports the standard library only.
package gcroom

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// leastHeap is the least heap that the runtime counts on: a GC percentage applies to
// it too, so that a heap with less in it grows no less.
const leastHeap = 4 << 20

// percentOf returns the GC percentage with which a live heap of so many bytes has
// room for so many of garbage, or is doubled, whichever is more.
func percentOf(live, room uint64) int {
	return int(max(room*100/max(live, leastHeap), 100))
}

// Reserve has the heap grow by room bytes, or double, if that is more, between one
// garbage collection and the next. It is for the whole process, once, and leaves
// things as they are if GOGC or GOMEMLIMIT tells how its user wants them.
func Reserve(room uint64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := 100
	adjust := func() {
		metrics.Read(live)
		// A change stops the world for a moment: small ones are not worth it.
		if p := percentOf(live[0].Value.Uint64(), room); p == 100 || p > percent*5/4 || p < percent*4/5 {
			if p != percent {
				debug.SetGCPercent(p)
			}
			percent = p
		}
	}
	adjust()
	afterEachGC(adjust)
}

// sentinel is an object that nothing points to: its finalizer runs after each
// garbage collection, and makes it such an object again.
type sentinel struct{ f func() }

func afterEachGC(f func()) {
	runtime.SetFinalizer(&sentinel{f}, (*sentinel).collected)
}

func (s *sentinel) collected() {
	s.f()
	runtime.SetFinalizer(s, (*sentinel).collected)
}
