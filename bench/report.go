package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/internal/check"
)

// Report is what a run found.
type Report struct {
	SetUp       string         `json:"set_up"`
	Seconds     float64        `json:"seconds"` // during which operations counted
	Operations  []Row          `json:"operations"`
	Histograms  []Histogram    `json:"histograms"`
	Checks      []check.Result `json:"checks"`
	Notes       []string       `json:"notes,omitempty"`
	Lost        []Loss         `json:"lost,omitempty"`   // nodes of the own group
	Faults      *FaultReport   `json:"faults,omitempty"` // what was done to it
	Costs       []Cost         `json:"costs,omitempty"`  // of each process of the own group, and of the clients
	Errors      int64          `json:"errors"`           // that clients saw, in the whole run
	Interrupted bool           `json:"interrupted"`
	Pass        bool           `json:"pass"`
	Failures    []string       `json:"failures,omitempty"` // why not
}

// report makes the report, and writes the files that are written at the end.
func (r *run) report(digests []digest) *Report {
	for _, d := range digests {
		if d.err != nil {
			r.checker.MissDigest(d.node, d.err.Error())
		} else {
			r.checker.Digest(d.node, d.position, d.value)
		}
	}
	rep := &Report{
		SetUp: r.cfg.SetUp(), Seconds: r.seconds(), Operations: r.figures.rows(r.seconds()),
		Histograms: r.figures.histograms(), Checks: r.checker.Finish(r.auditor.end),
		Errors: r.figures.failed, Interrupted: r.interrupted,
	}
	rep.Lost, _, _ = r.watch.state()
	if r.injector != nil {
		rep.Faults = r.faultReport()
	}
	if r.meter != nil {
		costs, err := r.meter.costs()
		if err != nil {
			rep.Notes = append(rep.Notes, err.Error()) // a node that was lost fails the run itself
		}
		rep.Costs = costs
	}
	r.note(rep)
	r.judge(rep, errors.Join(r.auditor.err, r.files.percentiles.write(r.figures), r.files.close()))
	return rep
}

// note tells what a reader of the figures must know.
func (r *run) note(rep *Report) {
	add := func(format string, args ...any) { rep.Notes = append(rep.Notes, fmt.Sprintf(format, args...)) }
	if r.interrupted {
		add("interrupted: the figures are of %s, the checks of all that happened", shortDuration(time.Duration(rep.Seconds*float64(time.Second))))
	}
	var held time.Duration
	due, skipped := int64(0), int64(0) // and not begun, at the end of the run and of the warm-up
	for _, c := range r.clients {
		held += c.logbook.close()
		if r.cfg.Rate > 0 && r.prepared {
			due += c.notBegun(&r.plan, r.plan.end)
			skipped += c.skipped
		}
	}
	if held > 0 {
		add("clients waited %s for the checks, %s each on average: without checks the group would be faster",
			shortDuration(held), shortDuration(held/time.Duration(len(r.clients))))
	}
	// One for each client is no more than when its timer happened to wake it.
	if clients := int64(len(r.clients)); due > clients || skipped > clients {
		add("the load could not keep up with the schedule: %s ops/s offered, %s done; %s operations were due and not begun at the end, %s at the end of the warm-up, which were skipped",
			grouped(int64(r.cfg.Rate)), grouped(int64(all(rep.Operations).PerSecond)), grouped(due), grouped(skipped))
	}
	if rep.Errors > 0 {
		add("clients saw %d errors, such as:", rep.Errors)
		for _, text := range r.figures.texts {
			add("  %s", text)
		}
	}
}

// judge decides between PASS and FAIL. What was asked for and could not be
// written is a failure too.
func (r *run) judge(rep *Report, files error) {
	if _, stateless, generation := r.watch.state(); stateless {
		// What the checks say of a state that is gone is no news.
		rep.Checks = nil
		rep.Failures = []string{statelessText(generation)}
		return
	}
	for i := range rep.Lost {
		rep.Failures = append(rep.Failures, rep.Lost[i].text())
	}
	if rep.Faults != nil {
		rep.Failures = append(rep.Failures, rep.Faults.failures(rep.Interrupted)...)
	}
	rep.Failures = append(rep.Failures, r.failed...)
	for i := range rep.Checks {
		if c := &rep.Checks[i]; !c.Pass() {
			rep.Failures = append(rep.Failures, fmt.Sprintf("%s: %d violations, %d events could not be checked",
				c.Name, c.Violations, c.Unchecked))
		}
	}
	if nothing := all(rep.Operations).Count == 0; nothing && r.interrupted {
		rep.Failures = append(rep.Failures, "interrupted before anything was measured")
	} else if nothing {
		rep.Failures = append(rep.Failures, "no operation was completed in the time that counts")
	}
	if files != nil {
		rep.Failures = append(rep.Failures, files.Error())
	}
	rep.Pass = len(rep.Failures) == 0
}

// fail adds why the run has not passed.
func (r *Report) fail(why string) {
	r.Failures, r.Pass = append(r.Failures, why), false
}

func statelessText(generation uint64) string {
	number := ""
	if generation != 0 {
		number = fmt.Sprintf(" (generation %d)", generation)
	}
	return fmt.Sprintf("%v%s: what it did cannot be checked", errGeneration, number)
}

// all is the row of all operations on all nodes.
func all(rows []Row) Row {
	for _, row := range rows {
		if row.Op == rowAll && row.Node == "" {
			return row
		}
	}
	return Row{}
}

// Histogram is the latencies of some operations.
type Histogram struct {
	Of      string   `json:"of"`
	Count   int64    `json:"count"`
	Buckets []Bucket `json:"buckets"`
}

// Bucket is the operations that took more than the bucket before, and at most
// UpTo nanoseconds, as exactly as the histogram knows.
type Bucket struct {
	UpTo  int64 `json:"up_to_ns"`
	Count int64 `json:"count"`
}

// histograms returns those of reads and writes, as far as there were any.
func (f *figures) histograms() []Histogram {
	var list []Histogram
	for _, g := range []struct {
		of   string
		read bool
	}{{"reads", true}, {"writes", false}} {
		h, _ := f.merged(func(key cellKey) bool { return key.kind.IsRead() == g.read })
		if h != nil {
			list = append(list, Histogram{Of: g.of, Count: h.TotalCount(), Buckets: buckets(h)})
		}
	}
	return list
}

// buckets sorts a histogram into steps of 1, 2, 5, 10 and so on, from the
// first that is not empty to the last.
func buckets(h *hdrhistogram.Histogram) []Bucket {
	var list []Bucket
	bars := h.Distribution()
	step, i := newStepper(), 0
	for left := h.TotalCount(); left > 0; {
		b := Bucket{UpTo: step.next()}
		for ; i < len(bars) && bars[i].From <= b.UpTo; i++ {
			b.Count += bars[i].Count
		}
		left -= b.Count
		if b.Count > 0 || len(list) > 0 {
			list = append(list, b)
		}
	}
	return list
}

// stepper counts 1, 2, 5, 10, 20, 50 ...
type stepper struct {
	decade int64
	n      int
}

func newStepper() *stepper { return &stepper{decade: 1} }

func (s *stepper) next() int64 {
	v := s.decade * []int64{1, 2, 5}[s.n]
	if s.n++; s.n == 3 {
		s.n, s.decade = 0, s.decade*10
	}
	return v
}
