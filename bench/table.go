package bench

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// WriteTables shows the report to people: all but the set-up, which they have
// read before the run. width is that of their terminal.
func (r *Report) WriteTables(w io.Writer, width int) error {
	out := &sink{w: w}
	out.printf("\n%s of load\n", shortDuration(time.Duration(r.Seconds*float64(time.Second))))
	out.table(r.operations(func(row Row) bool { return row.Node == "" && (!row.group() || row.Op == rowAll) }))
	out.printf("\nby node\n")
	out.table(r.operations(func(row Row) bool { return row.Node != "" && row.group() }))
	if len(r.Costs) > 0 {
		out.printf("\nwhat each process used; an op is one of the whole group\n")
		out.table(r.costTable())
	}
	if r.Faults != nil {
		out.faults(r.Faults, width)
	}
	for _, h := range r.Histograms {
		out.printf("\nlatency of %s %s\n", grouped(h.Count), h.Of)
		out.bars(h, width)
	}
	if len(r.Checks) > 0 {
		out.printf("\nordering checks\n")
	}
	out.table(r.checkTable(width))
	for _, c := range r.Checks {
		for _, text := range c.Texts {
			out.printf("%s: %s\n", c.Name, text)
		}
	}
	for _, note := range r.Notes {
		out.printf("%s\n", note)
	}
	for _, failure := range r.Failures {
		out.printf("failed: %s\n", failure)
	}
	out.printf("%s\n", r.Verdict())
	return out.err
}

// Verdict is PASS or FAIL. A run that passed because it was interrupted before all
// its faults happened says so.
func (r *Report) Verdict() string {
	switch {
	case !r.Pass:
		return "FAIL"
	case r.Interrupted && r.Faults != nil:
		return fmt.Sprintf("PASS (interrupted: %d of %s happened)", r.Faults.happened(), count(len(r.Faults.Faults), "fault"))
	default:
		return "PASS"
	}
}

// sink writes until the first error.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) printf(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

// verdict tells all that failed, and whether anything did.
func (s *sink) verdict(failures []string) {
	for _, failure := range failures {
		s.printf("failed: %s\n", failure)
	}
	if len(failures) == 0 {
		s.printf("PASS\n")
	} else {
		s.printf("FAIL\n")
	}
}

// grid is the content of a table.
type grid struct {
	header []string
	rows   [][]string
	align  []tw.Align
	widths map[int]int // of columns that wrap
}

func (s *sink) table(g grid) {
	if s.err != nil || len(g.rows) == 0 {
		return
	}
	widths := tw.NewMapper[int, int]()
	for column, width := range g.widths {
		widths.Set(column, width)
	}
	cells := tw.CellConfig{
		Formatting:   tw.CellFormatting{AutoWrap: tw.WrapNormal},
		ColMaxWidths: tw.CellWidth{PerColumn: widths},
		Alignment:    tw.CellAlignment{PerColumn: g.align},
		Padding:      tw.CellPadding{Global: tw.PaddingDefault},
	}
	table := tablewriter.NewTable(s.w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(cells.Alignment),
		tablewriter.WithRowConfig(cells),
	)
	table.Header(g.header)
	if s.err = table.Bulk(g.rows); s.err == nil {
		s.err = table.Render()
	}
}

// operations makes the table of the rows that suit.
func (r *Report) operations(suits func(Row) bool) grid {
	g := grid{
		header: []string{"op", "count", "ops/s", "mean", "p50", "p90", "p99", "p99.9", "max", "errors"},
		align:  alignRight(10, 1),
	}
	for _, row := range r.Operations {
		if !suits(row) {
			continue
		}
		name := row.Op
		if row.Node != "" {
			name = row.Node + " " + row.Op
		}
		g.rows = append(g.rows, []string{
			name, grouped(row.Count), grouped(int64(row.PerSecond)),
			latency(row, int64(row.Mean)), latency(row, row.P50), latency(row, row.P90),
			latency(row, row.P99), latency(row, row.P999), latency(row, row.Max),
			strconv.FormatInt(row.Errors, 10),
		})
	}
	return g
}

func latency(row Row, ns int64) string {
	if row.Count == 0 {
		return "-"
	}
	return shortDuration(time.Duration(ns))
}

// alignRight aligns all of n columns to the right but the first few.
func alignRight(n, left int) []tw.Align {
	align := make([]tw.Align, n)
	for i := range align {
		align[i] = tw.AlignRight
		if i < left {
			align[i] = tw.AlignLeft
		}
	}
	return align
}

func (r *Report) checkTable(width int) grid {
	const others = 76 // what the other columns take
	g := grid{
		header: []string{"check", "covers, and keeps", "events", "violations", "unchecked", "result"},
		align:  []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignLeft},
		widths: map[int]int{1: max(32, width-others)},
	}
	for _, c := range r.Checks {
		result := "ok"
		switch {
		case !c.Pass():
			result = "FAIL"
		case c.Events == 0:
			result = "nothing to check"
		}
		g.rows = append(g.rows, []string{
			c.Name, c.Covers + ". Kept: " + c.Kept, grouped(int64(c.Events)), grouped(int64(c.Violations)),
			grouped(int64(c.Unchecked)), result,
		})
	}
	return g
}
