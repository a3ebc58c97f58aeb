package noise

import (
	"io/fs"
	"math"
	"time"
)

// Meter reads what the processors do.
type Meter struct {
	proc  fs.FS
	self  int
	clock func() time.Duration // since any moment
}

// NewMeter returns a meter that reads proc, the directory /proc. The process self
// and its descendants are those that measure; everything else is noise.
func NewMeter(proc fs.FS, self int) *Meter {
	began := time.Now()
	return &Meter{proc: proc, self: self, clock: func() time.Duration { return time.Since(began) }}
}

// Snapshot is the state of the counters at a moment.
type Snapshot struct {
	at     time.Duration
	cpu    processors
	own    float64 // seconds that this process and its descendants have used
	kernel float64 // seconds that threads of the kernel have used
}

// Snapshot reads the counters.
func (m *Meter) Snapshot() (s Snapshot, err error) {
	if s.cpu, err = readProcessors(m.proc); err != nil {
		return s, err
	}
	s.at = m.clock()
	all, err := readProcesses(m.proc)
	if err != nil {
		return s, err
	}
	for id, p := range all {
		switch {
		case p.kernel:
			s.kernel += p.used
		case descends(all, id, m.self):
			s.own += p.used
		}
	}
	return s, nil
}

// descends reports whether a process is another, or has it as an ancestor.
func descends(all map[int]process, id, ancestor int) bool {
	for range len(all) { // ids are used again, so that there may be a loop
		if id == ancestor {
			return true
		}
		p, ok := all[id]
		if !ok {
			return false
		}
		id = p.parent
	}
	return false
}

// Use is what became of the machine's processor time in a while. Its parts are
// fractions of the time of all processors.
type Use struct {
	Seconds float64 `json:"seconds"`
	Others  float64 `json:"others"` // had by processes that have no part in the comparison
	Stolen  float64 `json:"stolen"` // had by the hypervisor, as far as it tells
}

// Between returns the use from one snapshot to a later one. What is neither idle,
// nor stolen, nor used by this process's tree or by the kernel's own threads was
// used by others, be they in sight or, as from within a container, not.
func Between(from, to Snapshot) Use {
	seconds := (to.at - from.at).Seconds()
	total := seconds * float64(to.cpu.count)
	if total <= 0 {
		return Use{}
	}
	stolen := to.cpu.stolen - from.cpu.stolen
	others := total - stolen - (to.cpu.idle - from.cpu.idle) - (to.own - from.own) - (to.kernel - from.kernel)
	return Use{Seconds: seconds, Others: fraction(others, total), Stolen: fraction(stolen, total)}
}

// fraction is from 0 to 1: the counters have hundredths of seconds and are not
// read all at once.
func fraction(part, total float64) float64 { return min(max(part/total, 0), 1) }

// add returns the use of two whiles together.
func (u Use) add(v Use) Use {
	seconds := u.Seconds + v.Seconds
	if seconds == 0 {
		return Use{}
	}
	mean := func(a, b float64) float64 { return (a*u.Seconds + b*v.Seconds) / seconds }
	return Use{Seconds: seconds, Others: mean(u.Others, v.Others), Stolen: mean(u.Stolen, v.Stolen)}
}

// worse returns the larger part of each.
func (u Use) worse(v Use) Use {
	return Use{Seconds: u.Seconds, Others: math.Max(u.Others, v.Others), Stolen: math.Max(u.Stolen, v.Stolen)}
}
