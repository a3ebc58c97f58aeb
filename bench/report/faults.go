package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
)

// Recovery is what a group may take beyond its detection time until it goes on.
const Recovery = time.Second

// FaultReport is what was done to the group, and how it got over it. Times are
// nanoseconds.
type FaultReport struct {
	Schedule     string     `json:"schedule"`    // as --faults takes it
	Seed         uint64     `json:"seed,string"` // that a random one came from
	Detection    int64      `json:"detection_ns"`
	Limit        int64      `json:"limit_ns"` // of what a fault may cost if no link is slow
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
	Limit        int64   `json:"limit_ns"` // of what it may cost
	Exceeds      bool    `json:"exceeds"`
	LostState    bool    `json:"lost_state,omitempty"` // the group did after it, and before another
	Error        string  `json:"error,omitempty"`      // why it could not be made
}

// LoseState has no fault judged that may have cost the group its state: whether the
// group goes on in time is no question any more.
func (f *FaultReport) LoseState() {
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

// Judge is the verdict on what faults cost, in a line. Those that overlap are one.
func (f *FaultReport) Judge() string {
	if f.LostState {
		return fmt.Sprintf("%v after %d of %s: what they cost is not judged", fault.ErrStateLost, f.happened(), Count(len(f.Faults), "fault"))
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
	limit := fmt.Sprintf("%s without a success (detection time %s + %s)", Duration(time.Duration(f.Limit)),
		Duration(time.Duration(f.Detection)), Duration(Recovery))
	verdict := fmt.Sprintf("%s kept to at most %s", Count(judged, "fault"), limit)
	if exceeding > 0 {
		verdict = fmt.Sprintf("%d of %s cost more than %s", exceeding, Count(judged, "fault"), limit)
	}
	if f.slow() {
		verdict += "; the limit was higher while links were slow"
	}
	if apart > 0 {
		verdict += fmt.Sprintf("; %d apart, which overlap others: those count as one, judged after it", apart)
	}
	return verdict
}

// slow reports whether slow links gave faults that happened more time.
func (f *FaultReport) slow() bool {
	return slices.ContainsFunc(f.Faults, func(row FaultRow) bool { return row.Limit > f.Limit })
}

// Failures is why the run fails for its faults: those that cost too much, and those
// that could not be made, or, unless the run was interrupted, did not happen.
func (f *FaultReport) Failures(interrupted bool) (list []string) {
	for i := range f.Faults {
		row := &f.Faults[i]
		if row.Exceeds {
			what, write, read := row.Fault, row.WithoutWrite, row.WithoutRead
			if row.Settles {
				what, write, read = "after "+row.Fault+" and what overlaps it", row.AfterWrite, row.AfterRead
			}
			list = append(list, fmt.Sprintf("%s: %s without a write, %s without a read, of at most %s", what,
				silent(write), silent(read), Duration(time.Duration(row.Limit))))
		}
		if row.Seconds < 0 && !interrupted {
			list = append(list, row.Fault+": it did not happen")
		}
		if row.Error != "" {
			list = append(list, fmt.Sprintf("%s: %s", row.Fault, row.Error))
		}
	}
	if f.Surprises > 0 {
		list = append(list, fmt.Sprintf("%s that no fault excuses, such as: %s", Count(int(f.Surprises), "error"), f.Surprise))
	}
	return list
}

// silent is a time without success, which is not measured exactly if it is short.
func silent(ns int64) string {
	if ns < int64(leastSilence) {
		return "< " + Duration(leastSilence)
	}
	return Duration(time.Duration(ns))
}
