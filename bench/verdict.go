package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/report"
)

// report makes the report, and writes the files that are written at the end.
func (r *run) report(digests []cluster.Digest) *report.Report {
	for _, d := range digests {
		if d.Err != nil {
			r.checker.MissDigest(d.Node, d.Err.Error())
		} else {
			r.checker.Digest(d.Node, d.Position, d.Value)
		}
	}
	rep := &report.Report{
		SetUp: r.cfg.SetUp(), Seconds: r.seconds(), Operations: r.figures.Rows(r.seconds()),
		Histograms: r.figures.Histograms(), Checks: r.checker.Finish(r.auditor.end),
		Errors: r.figures.Failed, Interrupted: r.interrupted,
	}
	if r.watches != nil {
		r.watches.report(rep)
	}
	if r.invariant != nil {
		rep.Checks = append(rep.Checks, r.invariant.Finish())
		if note := r.invariant.Note(); note != "" {
			rep.Notes = append(rep.Notes, note)
		}
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
	r.judge(rep, errors.Join(r.auditor.err, r.files.percentiles.Write(r.figures), r.files.close()))
	return rep
}

// note tells what a reader of the figures must know.
func (r *run) note(rep *report.Report) {
	add := func(format string, args ...any) { rep.Notes = append(rep.Notes, fmt.Sprintf(format, args...)) }
	if r.interrupted {
		add("interrupted: the figures are of %s, the checks of all that happened", report.Duration(time.Duration(rep.Seconds*float64(time.Second))))
	}
	var held time.Duration
	due, skipped := int64(0), int64(0) // and not begun, at the end of the run and of the warm-up
	for _, l := range r.auditor.logbooks {
		held += l.Close()
	}
	for _, c := range r.clients {
		if r.cfg.Rate > 0 && r.prepared {
			due += c.NotBegun(&r.plan, r.plan.End)
			skipped += c.Skipped
		}
	}
	if held > 0 {
		add("clients waited %s for the checks, %s each on average: without checks the group would be faster",
			report.Duration(held), report.Duration(held/time.Duration(len(r.clients))))
	}
	// One for each client is no more than when its timer happened to wake it.
	if clients := int64(len(r.clients)); due > clients || skipped > clients {
		add("the load could not keep up with the schedule: %s ops/s offered, %s done; %s operations were due and not begun at the end, %s at the end of the warm-up, which were skipped",
			report.Grouped(int64(r.cfg.Rate)), report.Grouped(int64(report.All(rep.Operations).PerSecond)), report.Grouped(due), report.Grouped(skipped))
	}
	if over := report.All(rep.Operations).OverQuota; over > 0 {
		add("%s of the writes were refused: with them, the variables would have exceeded the quota of the group", report.Grouped(over))
	}
	if rep.Errors > 0 {
		add("clients saw %d errors, such as:", rep.Errors)
		for _, text := range r.figures.Texts {
			add("  %s", text)
		}
	}
}

// judge decides between PASS and FAIL. What was asked for and could not be
// written is a failure too.
func (r *run) judge(rep *report.Report, files error) {
	if _, stateless, generation := r.watch.state(); stateless {
		// What the checks say of a state that is gone is no news.
		rep.Checks = nil
		rep.Failures = []string{statelessText(generation)}
		return
	}
	for i := range rep.Lost {
		rep.Failures = append(rep.Failures, rep.Lost[i].Text())
	}
	if rep.Faults != nil {
		rep.Failures = append(rep.Failures, rep.Faults.Failures(rep.Interrupted)...)
	}
	rep.Failures = append(rep.Failures, r.failed...)
	for i := range rep.Checks {
		if c := &rep.Checks[i]; !c.Pass() {
			rep.Failures = append(rep.Failures, fmt.Sprintf("%s: %d violations, %d events could not be checked",
				c.Name, c.Violations, c.Unchecked))
		}
	}
	if nothing := report.All(rep.Operations).Count == 0; nothing && r.interrupted {
		rep.Failures = append(rep.Failures, "interrupted before anything was measured")
	} else if nothing {
		rep.Failures = append(rep.Failures, "no operation was completed in the time that counts")
	}
	if files != nil {
		rep.Failures = append(rep.Failures, files.Error())
	}
	rep.Pass = len(rep.Failures) == 0
}

func statelessText(generation uint64) string {
	number := ""
	if generation != 0 {
		number = fmt.Sprintf(" (generation %d)", generation)
	}
	return fmt.Sprintf("%v%s: what it did cannot be checked", fault.ErrStateLost, number)
}
