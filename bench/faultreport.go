package bench

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/registry"
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
	Surprises    int64      `json:"unexpected_errors"` // that clients saw, and that were not for want of time
	Surprise     string     `json:"unexpected_error,omitempty"`
	Verdict      string     `json:"verdict"`
	Seconds      []Second   `json:"per_second"`
}

// FaultRow is one fault and what it cost: the longest time without a successful
// write, and read, from its begin until the next one begins.
type FaultRow struct {
	Fault        string  `json:"fault"`
	Seconds      float64 `json:"seconds"` // when it began, in the time that counts; -1: never
	WithoutWrite int64   `json:"longest_without_write_ns"`
	WithoutRead  int64   `json:"longest_without_read_ns"`
	Apart        string  `json:"apart,omitempty"` // why the limit does not hold for it
	Exceeds      bool    `json:"exceeds"`
	Error        string  `json:"error,omitempty"` // why it could not be made
}

// faultReport sums up the faults of a run.
func (r *run) faultReport() *FaultReport {
	detection := registry.DefaultSettings().Detection
	limit := detection + recovery
	o := &r.auditor.outages
	rep := &FaultReport{
		Schedule: r.injector.schedule.String(), Seed: r.cfg.Seed,
		Detection: int64(detection), Limit: int64(limit), Seconds: o.seconds,
		Surprises: o.surprises, Surprise: o.surprise,
	}
	without := func(from, to int64) (write, read int64) {
		if r.cfg.hasWrites() {
			write = int64(o.writes.longest(from, to))
		}
		if r.cfg.hasReads() {
			read = int64(o.reads.longest(from, to))
		}
		return write, read
	}
	rep.WithoutWrite, rep.WithoutRead = without(r.plan.count, r.plan.end)
	marks := r.injector.happened()
	apart := r.injector.schedule.Apart(limit)
	for i := range marks {
		row := FaultRow{Fault: r.injector.schedule[i].String(), Seconds: -1, Apart: apart[i]}
		if marks[i].begun >= 0 {
			end := r.plan.end
			if i+1 < len(marks) && marks[i+1].begun >= 0 {
				end = min(end, marks[i+1].begun)
			}
			row.Seconds = time.Duration(marks[i].begun - r.plan.count).Seconds()
			row.WithoutWrite, row.WithoutRead = without(marks[i].begun, end)
			row.Exceeds = row.Apart == "" && max(row.WithoutWrite, row.WithoutRead) > int64(limit)
		}
		if marks[i].err != nil {
			row.Error = marks[i].err.Error()
		}
		rep.Faults = append(rep.Faults, row)
	}
	rep.Verdict = rep.judge()
	return rep
}

// judge is the verdict on what faults cost, in a line.
func (f *FaultReport) judge() string {
	judged, apart, exceeding := 0, 0, 0
	for i := range f.Faults {
		switch row := &f.Faults[i]; {
		case row.Seconds < 0:
		case row.Apart != "":
			apart++
		default:
			judged++
			if row.Exceeds {
				exceeding++
			}
		}
	}
	limit := fmt.Sprintf("%s without a success (detection time %s + %s)", shortDuration(time.Duration(f.Limit)),
		shortDuration(time.Duration(f.Detection)), shortDuration(recovery))
	verdict := fmt.Sprintf("%s kept to at most %s", count(judged, "fault"), limit)
	if exceeding > 0 {
		verdict = fmt.Sprintf("%d of %s cost more than %s", exceeding, count(judged, "fault"), limit)
	}
	if apart > 0 {
		verdict += fmt.Sprintf("; %d apart, which overlap others", apart)
	}
	return verdict
}

// failures is why the run fails for its faults: those that cost too much, and those
// that could not be made.
func (f *FaultReport) failures() (list []string) {
	for i := range f.Faults {
		row := &f.Faults[i]
		if row.Exceeds {
			list = append(list, fmt.Sprintf("%s: %s without a write, %s without a read, of at most %s", row.Fault,
				silent(row.WithoutWrite), silent(row.WithoutRead), shortDuration(time.Duration(f.Limit))))
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
