package noise

import (
	"io/fs"
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
	own    int64 // ticks that this process and its descendants have used
	kernel int64 // ticks that threads of the kernel have used
	others int64 // ticks that all other processes in sight have used
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
		default:
			s.others += p.used
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
	Unseen  float64 `json:"unseen"` // had by what no process in sight has used
	Stolen  float64 `json:"stolen"` // had by the hypervisor, as far as it tells
}

// Between returns the use from one snapshot to a later one. What is neither idle,
// nor stolen, nor used by a process was used by what cannot be seen: processes
// outside of a container, those that begin and end in between without a parent that
// waits for them, and what the kernel does between processes, such as interrupts
// and going to sleep. The last is several percent when processes wait often.
func Between(from, to Snapshot) Use {
	seconds := (to.at - from.at).Seconds()
	total := seconds * float64(to.cpu.count) * ticksPerSecond
	if total <= 0 {
		return Use{}
	}
	stolen := to.cpu.stolen - from.cpu.stolen
	accounted := to.cpu.idle - from.cpu.idle + to.own - from.own + to.kernel - from.kernel
	others := max(to.others-from.others, 0) // one that ends may take what it has used with it
	unseen := total - float64(stolen+accounted+others)
	return Use{
		Seconds: seconds, Others: fraction(float64(others), total), Unseen: fraction(unseen, total), Stolen: fraction(float64(stolen), total),
	}
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
	return Use{
		Seconds: seconds, Others: mean(u.Others, v.Others), Unseen: mean(u.Unseen, v.Unseen), Stolen: mean(u.Stolen, v.Stolen),
	}
}

// worse returns the larger part of each.
func (u Use) worse(v Use) Use {
	return Use{
		Seconds: v.Seconds, Others: max(u.Others, v.Others), Unseen: max(u.Unseen, v.Unseen), Stolen: max(u.Stolen, v.Stolen),
	}
}
