package bench

import (
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/report"
)

// outageLimit is what a fault may cost if no link is slow.
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
			until := r.nextFault(marks, apart, i)
			row.WithoutWrite, row.WithoutRead = r.without(marks[i].begun, until)
			row.Limit = int64(r.limit(marks, marks[i].begun, until))
			row.Exceeds = row.Apart == "" && max(row.WithoutWrite, row.WithoutRead) > row.Limit
		}
		if marks[i].err != nil {
			row.Error = marks[i].err.Error()
		}
		rep.Faults = append(rep.Faults, row)
	}
	for _, part := range r.injector.schedule.Clusters(outageLimit()) {
		if len(part) > 1 {
			r.settles(&rep.Faults[part[len(part)-1]], marks, apart, part)
		}
	}
	if _, stateless, _ := r.watch.state(); stateless {
		rep.LoseState()
	}
	rep.Verdict = rep.Judge()
	return rep
}

// settles judges faults that overlap, by their indices, by what follows when all of them
// are over.
func (r *run) settles(row *report.FaultRow, marks []mark, apart []string, part []int) {
	over := int64(0)
	for _, i := range part {
		if marks[i].ended < 0 {
			return // it did not happen
		}
		over = max(over, marks[i].ended)
	}
	until := r.nextFault(marks, apart, part[len(part)-1])
	row.Settles = true
	row.AfterWrite, row.AfterRead = r.without(over, until)
	row.Limit = int64(r.limit(marks, over, until))
	row.Exceeds = max(row.AfterWrite, row.AfterRead) > row.Limit
}

// nextFault is when the fault after a fault begins that is judged by itself or with others,
// or the end: a slow link that is apart is neither.
func (r *run) nextFault(marks []mark, apart []string, i int) int64 {
	for j := i + 1; j < len(marks); j++ {
		if slow := r.injector.schedule[j].Kind == fault.Slow; marks[j].begun >= 0 && (!slow || apart[j] == "") {
			return min(r.plan.End, marks[j].begun)
		}
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
