package bench

import (
	"fmt"
	"time"
)

// recovery is what a group may take beyond its detection time until it goes on.
const recovery = time.Second

// FaultReport is what was done to the group, and how it got over it. Times are
// nanoseconds.
type FaultReport struct {
	Schedule     string     `json:"schedule"`    // as --faults takes it
	Seed         uint64     `json:"seed,string"` // that a random one came from
	Detection    int64      `json:"detection_ns"`
	Limit        int64      `json:"limit_ns"` // of what a fault may cost
	Faults       []FaultRow `json:"faults"`
	WithoutWrite int64      `json:"longest_without_write_ns"` // in the whole time that counts
	WithoutRead  int64      `json:"longest_without_read_ns"`
	Surprises    int64      `json:"unexpected_errors"` // that clients saw, and no fault excuses
	Surprise     string     `json:"unexpected_error,omitempty"`
	LostState    bool       `json:"lost_state"` // after the last fault that happened: none is judged
	Verdict      string     `json:"verdict"`
	Seconds      []Second   `json:"per_second"`
}

// FaultRow is one fault and what it cost: the longest time without a successful
// write, and read, from its begin until the next one begins. Faults that overlap
// are judged together, by the time from when the last of them is over: the last row
// of theirs has that.
type FaultRow struct {
	Fault        string  `json:"fault"`
	Seconds      float64 `json:"seconds"` // when it began, in the time that counts; -1: never
	WithoutWrite int64   `json:"longest_without_write_ns"`
	WithoutRead  int64   `json:"longest_without_read_ns"`
	Apart        string  `json:"apart,omitempty"` // why the limit does not hold while it stands
	Settles      bool    `json:"settles"`         // it is the last of faults that overlap
	AfterWrite   int64   `json:"after_without_write_ns"`
	AfterRead    int64   `json:"after_without_read_ns"`
	Exceeds      bool    `json:"exceeds"`
	LostState    bool    `json:"lost_state,omitempty"` // the group did after it, and before another
	Error        string  `json:"error,omitempty"`      // why it could not be made
}

// outageLimit is what a fault may cost.
func outageLimit() time.Duration { return detection() + recovery }

// faultReport sums up the faults of a run.
func (r *run) faultReport() *FaultReport {
	o := &r.auditor.outages
	rep := &FaultReport{
		Schedule: r.injector.schedule.String(), Seed: r.cfg.Seed,
		Detection: int64(detection()), Limit: int64(outageLimit()), Seconds: o.seconds,
		Surprises: o.surprises, Surprise: o.surprise,
	}
	rep.WithoutWrite, rep.WithoutRead = r.without(r.plan.count, r.plan.end)
	marks := r.injector.happened()
	apart := r.injector.schedule.Apart(outageLimit())
	for i := range marks {
		row := FaultRow{Fault: r.injector.schedule[i].String(), Seconds: -1, Apart: apart[i]}
		if marks[i].begun >= 0 {
			row.Seconds = time.Duration(marks[i].begun - r.plan.count).Seconds()
			row.WithoutWrite, row.WithoutRead = r.without(marks[i].begun, r.nextFault(marks, i))
			row.Exceeds = row.Apart == "" && max(row.WithoutWrite, row.WithoutRead) > rep.Limit
		}
		if marks[i].err != nil {
			row.Error = marks[i].err.Error()
		}
		rep.Faults = append(rep.Faults, row)
	}
	last := -1
	for _, part := range r.injector.schedule.Clusters(outageLimit()) {
		first := last + 1
		last += len(part)
		if len(part) > 1 {
			r.settles(&rep.Faults[last], marks, first, last)
		}
	}
	if _, stateless, _ := r.watch.state(); stateless {
		rep.loseState()
	}
	rep.Verdict = rep.judge()
	return rep
}

// loseState has no fault judged that may have cost the group its state: whether the
// group goes on in time is no question any more.
func (f *FaultReport) loseState() {
	f.LostState = true
	for i := range f.Faults {
		f.Faults[i].Exceeds, f.Faults[i].Settles = false, false
	}
	if n := f.happened(); n > 0 {
		f.Faults[n-1].LostState = true // they happen in order
	}
}

// happened is how many faults did.
func (f *FaultReport) happened() int {
	n := 0
	for i := range f.Faults {
		if f.Faults[i].Seconds >= 0 {
			n++
		}
	}
	return n
}

// settles judges faults that overlap by what follows when all of them are over.
func (r *run) settles(row *FaultRow, marks []mark, first, last int) {
	over := int64(0)
	for i := first; i <= last; i++ {
		if marks[i].ended < 0 {
			return // it did not happen
		}
		over = max(over, marks[i].ended)
	}
	row.Settles = true
	row.AfterWrite, row.AfterRead = r.without(over, r.nextFault(marks, last))
	row.Exceeds = max(row.AfterWrite, row.AfterRead) > int64(outageLimit())
}

// nextFault is when the fault after a fault begins, or the end.
func (r *run) nextFault(marks []mark, i int) int64 {
	if i+1 < len(marks) && marks[i+1].begun >= 0 {
		return min(r.plan.end, marks[i+1].begun)
	}
	return r.plan.end
}

// without is the longest times without a write, and a read, that succeeded, within
// a time.
func (r *run) without(from, to int64) (write, read int64) {
	o := &r.auditor.outages
	if r.cfg.hasWrites() {
		write = int64(o.writes.longest(from, to))
	}
	if r.cfg.hasReads() {
		read = int64(o.reads.longest(from, to))
	}
	return write, read
}

// judge is the verdict on what faults cost, in a line. Those that overlap are one.
func (f *FaultReport) judge() string {
	if f.LostState {
		return fmt.Sprintf("%v after %d of %s: what they cost is not judged", errGeneration, f.happened(), count(len(f.Faults), "fault"))
	}
	judged, apart, exceeding := 0, 0, 0
	for i := range f.Faults {
		row := &f.Faults[i]
		if row.Seconds >= 0 && row.Apart != "" {
			apart++
		}
		if row.Seconds >= 0 && (row.Apart == "" || row.Settles) {
			judged++
		}
		if row.Exceeds {
			exceeding++
		}
	}
	limit := fmt.Sprintf("%s without a success (detection time %s + %s)", shortDuration(time.Duration(f.Limit)),
		shortDuration(time.Duration(f.Detection)), shortDuration(recovery))
	verdict := fmt.Sprintf("%s kept to at most %s", count(judged, "fault"), limit)
	if exceeding > 0 {
		verdict = fmt.Sprintf("%d of %s cost more than %s", exceeding, count(judged, "fault"), limit)
	}
	if apart > 0 {
		verdict += fmt.Sprintf("; %d apart, which overlap others: those count as one, judged after it", apart)
	}
	return verdict
}

// failures is why the run fails for its faults: those that cost too much, and those
// that could not be made, or, unless the run was interrupted, did not happen.
func (f *FaultReport) failures(interrupted bool) (list []string) {
	for i := range f.Faults {
		row := &f.Faults[i]
		if row.Exceeds {
			what, write, read := row.Fault, row.WithoutWrite, row.WithoutRead
			if row.Settles {
				what, write, read = "after "+row.Fault+" and what overlaps it", row.AfterWrite, row.AfterRead
			}
			list = append(list, fmt.Sprintf("%s: %s without a write, %s without a read, of at most %s", what,
				silent(write), silent(read), shortDuration(time.Duration(f.Limit))))
		}
		if row.Seconds < 0 && !interrupted {
			list = append(list, row.Fault+": it did not happen")
		}
		if row.Error != "" {
			list = append(list, fmt.Sprintf("%s: %s", row.Fault, row.Error))
		}
	}
	if f.Surprises > 0 {
		list = append(list, fmt.Sprintf("%s that no fault excuses, such as: %s", count(int(f.Surprises), "error"), f.Surprise))
	}
	return list
}

// silent is a time without success, which is not measured exactly if it is short.
func silent(ns int64) string {
	if ns < int64(leastSilence) {
		return "< " + shortDuration(leastSilence)
	}
	return shortDuration(time.Duration(ns))
}
