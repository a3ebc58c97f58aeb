package report

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/console"
)

// WriteTables shows the report to people: all but the set-up, which they have
// read before the run. width is that of their terminal, or 0 if w is none: then
// tables are plain columns, for programs.
func (r *Report) WriteTables(w io.Writer, width int) error {
	out := &Sink{w: w, width: width}
	out.Printf("\n%s of load\n", Duration(time.Duration(r.Seconds*float64(time.Second))))
	out.Table(r.operations(func(row Row) bool { return row.Node == "" && (!row.group() || row.Op == RowAll) }))
	out.Printf("\nby node\n")
	out.Table(r.operations(func(row Row) bool { return row.Node != "" && row.group() }))
	if len(r.Costs) > 0 {
		out.Printf("\nwhat each process used; an op is one of the whole group\n")
		out.Table(r.costTable())
	}
	if r.Faults != nil {
		out.faults(r.Faults)
	}
	for _, h := range r.Histograms {
		out.Printf("\nlatency of %s %s\n", Grouped(h.Count), h.Of)
		out.bars(h)
	}
	if len(r.Checks) > 0 {
		out.Printf("\nordering checks\n")
	}
	out.Table(r.checkTable())
	for _, c := range r.Checks {
		for _, text := range c.Texts {
			out.Printf("%s: %s\n", c.Name, text)
		}
	}
	for _, note := range r.Notes {
		out.Printf("%s\n", note)
	}
	for _, failure := range r.Failures {
		out.Printf("failed: %s\n", failure)
	}
	out.Printf("%s\n", r.Verdict())
	return out.Err
}

// WriteJSON writes the whole report, set-up and all, as one document.
func (r *Report) WriteJSON(w io.Writer) error { return WriteJSON(w, r) }

// Verdict is PASS or FAIL. A run that passed because it was interrupted before all
// its faults happened says so.
func (r *Report) Verdict() string {
	switch {
	case !r.Pass:
		return "FAIL"
	case r.Interrupted && r.Faults != nil:
		return fmt.Sprintf("PASS (interrupted: %d of %s happened)", r.Faults.happened(), Count(len(r.Faults.Faults), "fault"))
	default:
		return "PASS"
	}
}

// operations makes the table of the rows that suit.
func (r *Report) operations(suits func(Row) bool) console.Table {
	g := console.Table{Columns: Columns("op", "count", "ops/s", "mean", "p50", "p90", "p99", "p99.9", "max", "conflicts", "errors")}
	for _, row := range r.Operations {
		if !suits(row) {
			continue
		}
		name := row.Op
		if row.Node != "" {
			name = row.Node + " " + row.Op
		}
		g.Rows = append(g.Rows, []string{
			name, Grouped(row.Count), Grouped(int64(row.PerSecond)),
			latency(row, int64(row.Mean)), latency(row, row.P50), latency(row, row.P90),
			latency(row, row.P99), latency(row, row.P999), latency(row, row.Max),
			Grouped(row.Conflicts), strconv.FormatInt(row.Errors, 10),
		})
	}
	return g
}

func latency(row Row, ns int64) string {
	if row.Count == 0 {
		return "-"
	}
	return Duration(time.Duration(ns))
}

func (r *Report) checkTable() console.Table {
	g := console.Table{
		Columns: []console.Column{
			{Name: "check"},
			{Name: "covers, and keeps", Prose: true},
			{Name: "events", Number: true},
			{Name: "violations", Number: true},
			{Name: "unchecked", Number: true},
			{Name: "result"},
		},
	}
	for _, c := range r.Checks {
		result := "ok"
		switch {
		case !c.Pass():
			result = "FAIL"
		case c.Events == 0:
			result = "nothing to check"
		}
		g.Rows = append(g.Rows, []string{
			c.Name, c.Covers + ". Kept: " + c.Kept, Grouped(int64(c.Events)), Grouped(int64(c.Violations)),
			Grouped(int64(c.Unchecked)), result,
		})
	}
	return g
}
