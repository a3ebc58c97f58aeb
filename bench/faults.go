package bench

import (
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/report"
)

// outageLimit is what a fault may cost.
func outageLimit() time.Duration { return cluster.Detection() + report.Recovery }

// faultReport sums up the faults of a run.
func (r *run) faultReport() *report.FaultReport {
	o := &r.auditor.outages
	rep := &report.FaultReport{
		Schedule: r.injector.schedule.String(), Seed: r.cfg.Seed,
		Detection: int64(cluster.Detection()), Limit: int64(outageLimit()), Seconds: o.Seconds,
		Surprises: o.Surprises, Surprise: o.Surprise,
	}
	rep.WithoutWrite, rep.WithoutRead = r.without(r.plan.Count, r.plan.End)
	marks := r.injector.happened()
	apart := r.injector.schedule.Apart(outageLimit())
	for i := range marks {
		row := report.FaultRow{Fault: r.injector.schedule[i].String(), Seconds: -1, Apart: apart[i]}
		if marks[i].begun >= 0 {
			row.Seconds = time.Duration(marks[i].begun - r.plan.Count).Seconds()
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
		rep.LoseState()
	}
	rep.Verdict = rep.Judge()
	return rep
}

// settles judges faults that overlap by what follows when all of them are over.
func (r *run) settles(row *report.FaultRow, marks []mark, first, last int) {
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
		return min(r.plan.End, marks[i+1].begun)
	}
	return r.plan.End
}

// without is the longest times without a write, and a read, that succeeded, within
// a time.
func (r *run) without(from, to int64) (write, read int64) {
	o := &r.auditor.outages
	if r.cfg.hasWrites() {
		write = int64(o.Writes.Longest(from, to))
	}
	if r.cfg.hasReads() {
		read = int64(o.Reads.Longest(from, to))
	}
	return write, read
}
