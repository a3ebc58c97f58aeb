package bench

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
	out := &sink{w: w, width: width}
	out.printf("\n%s of load\n", shortDuration(time.Duration(r.Seconds*float64(time.Second))))
	out.table(r.operations(func(row Row) bool { return row.Node == "" && (!row.group() || row.Op == rowAll) }))
	out.printf("\nby node\n")
	out.table(r.operations(func(row Row) bool { return row.Node != "" && row.group() }))
	if len(r.Costs) > 0 {
		out.printf("\nwhat each process used; an op is one of the whole group\n")
		out.table(r.costTable())
	}
	if r.Faults != nil {
		out.faults(r.Faults)
	}
	for _, h := range r.Histograms {
		out.printf("\nlatency of %s %s\n", grouped(h.Count), h.Of)
		out.bars(h)
	}
	if len(r.Checks) > 0 {
		out.printf("\nordering checks\n")
	}
	out.table(r.checkTable())
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

// sink writes until the first error. What a terminal could take for a command is
// escaped.
type sink struct {
	w     io.Writer
	width int // of the terminal; 0: there is none, and what is written is plain
	err   error
}

// newSink returns a sink that writes for what w is.
func newSink(w io.Writer) *sink { return &sink{w: w, width: console.Width(w)} }

func (s *sink) printf(format string, args ...any) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, console.EscapeLines(fmt.Sprintf(format, args...)))
	}
}

// plainWidth is how wide bars are where there is no terminal.
const plainWidth = 120

// room is how many characters bars have besides the text before them.
func (s *sink) room(text int) int {
	if s.width == 0 {
		return plainWidth - text
	}
	return max(4, s.width-text)
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
	align  []align
}

// align is how the cells of a column stand.
type align int

const (
	left  align = iota
	right       // numbers
	prose       // wrapped
)

func (s *sink) table(g grid) {
	if s.err != nil || len(g.rows) == 0 {
		return
	}
	t := console.Table{Rows: g.rows}
	for i, name := range g.header {
		t.Columns = append(t.Columns, console.Column{Name: name, Number: g.align[i] == right, Prose: g.align[i] == prose})
	}
	s.err = t.Write(s.w, s.width)
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
func alignRight(n, first int) []align {
	list := make([]align, n)
	for i := first; i < n; i++ {
		list[i] = right
	}
	return list
}

func (r *Report) checkTable() grid {
	g := grid{
		header: []string{"check", "covers, and keeps", "events", "violations", "unchecked", "result"},
		align:  []align{left, prose, right, right, right, left},
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
