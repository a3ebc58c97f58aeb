package curve

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/console"
)

// Report is what curves were measured.
type Report struct {
	SetUp    string   `json:"set_up"` // of the point that all curves go through
	Rounds   int      `json:"rounds"`
	Lines    []Line   `json:"curves"`
	Failures []string `json:"failures,omitempty"` // none: every ordering check of every run has passed
}

// Line is one curve.
type Line struct {
	Dimension string  `json:"dimension"`
	Points    []Point `json:"points"`
}

// Point has the figures of each round of a point.
type Point struct {
	Label     string    `json:"label"`
	PerSecond []float64 `json:"ops_per_second"`
	WriteP50  []float64 `json:"write_p50_ns"`
	WriteP99  []float64 `json:"write_p99_ns"`
	ReadP50   []float64 `json:"read_p50_ns"`
	ReadP99   []float64 `json:"read_p99_ns"`

	// CPUPerWrite is the CPU time of a node, reads and all, for each write of the
	// group: the mean of the nodes. ClientCPU is that of dsmbench with all its
	// checks, for each operation.
	CPUPerWrite []float64 `json:"node_cpu_per_write_ns"`
	ClientCPU   []float64 `json:"client_cpu_per_op_ns"`
	// PauseP99 and PauseMax are the longest of any node.
	PauseP99 []float64 `json:"gc_pause_p99_ns"`
	PauseMax []float64 `json:"gc_pause_max_ns"`
	// Heap is the live heap of a node after the load, the mean of the nodes, and
	// PerVariable by how much it grew for each variable.
	Heap        []float64 `json:"live_heap_bytes"`
	PerVariable []float64 `json:"bytes_per_variable"`
}

// add takes a round.
func (p *Point) add(cfg *bench.Config, r *report.Report) {
	put := func(list *[]float64, v float64) { *list = append(*list, v) }
	writes, reads := rowOf(r.Operations, report.RowWrites), rowOf(r.Operations, report.RowReads)
	put(&p.PerSecond, report.All(r.Operations).PerSecond)
	if writes.Count > 0 {
		put(&p.WriteP50, float64(writes.P50))
		put(&p.WriteP99, float64(writes.P99))
	}
	if reads.Count > 0 {
		put(&p.ReadP50, float64(reads.P50))
		put(&p.ReadP99, float64(reads.P99))
	}
	nodes, cpu, heap, grown := 0.0, 0.0, 0.0, 0.0
	var pauseP99, pauseMax time.Duration
	for i := range r.Costs {
		c := &r.Costs[i]
		share := float64(c.CPU) / c.Seconds
		if c.Process == report.ClientsProcess {
			put(&p.ClientCPU, share/report.All(r.Operations).PerSecond)
			continue
		}
		nodes++
		cpu += share
		heap += float64(c.HeapAfter)
		grown += float64(c.HeapAfter) - float64(c.HeapBefore)
		pauseP99, pauseMax = max(pauseP99, c.PauseP99), max(pauseMax, c.PauseMax)
	}
	if nodes == 0 {
		return
	}
	if writes.PerSecond > 0 {
		put(&p.CPUPerWrite, cpu/nodes/writes.PerSecond)
	}
	put(&p.PauseP99, float64(pauseP99))
	put(&p.PauseMax, float64(pauseMax))
	put(&p.Heap, heap/nodes)
	put(&p.PerVariable, grown/nodes/float64(cfg.Keys))
}

// rowOf is the row of some operations on all nodes.
func rowOf(rows []report.Row, op string) report.Row {
	for _, row := range rows {
		if row.Op == op && row.Node == "" {
			return row
		}
	}
	return report.Row{}
}

// Pass reports whether all checks of all runs have passed.
func (r *Report) Pass() bool { return len(r.Failures) == 0 }

// WriteJSON writes every round of every point.
func (r *Report) WriteJSON(w io.Writer) error { return report.WriteJSON(w, r) }

// WriteText writes the report for people: medians, and in brackets the least and the
// most of the rounds.
func (r *Report) WriteText(w io.Writer) error {
	p := report.NewSink(w)
	p.Printf("%s\n", r.SetUp)
	p.Printf("one dimension at a time around that; median of %s (least..most)\n", report.Count(r.Rounds, "round"))
	p.Printf("node CPU: of one node, its reads too, for each write of the group; GC pauses: of the worst node\n")
	for i := range r.Lines {
		l := &r.Lines[i]
		p.Printf("\n%s: rates and latencies\n", l.Dimension)
		p.Table(l.rates())
		p.Printf("\n%s: what it costs a node\n", l.Dimension)
		p.Table(l.prices())
	}
	p.Verdict(r.Failures)
	return p.Err
}

func (l *Line) rates() console.Table {
	g := console.Table{Columns: report.Columns(l.Dimension, "ops/s", "write p50", "write p99", "read p50", "read p99")}
	for i := range l.Points {
		p := &l.Points[i]
		g.Rows = append(g.Rows, []string{
			p.Label, spread(p.PerSecond, perSecondText), spread(p.WriteP50, timeText), spread(p.WriteP99, timeText),
			spread(p.ReadP50, timeText), spread(p.ReadP99, timeText),
		})
	}
	return g
}

func (l *Line) prices() console.Table {
	g := console.Table{Columns: report.Columns(l.Dimension, "node CPU/write", "client CPU/op", "GC p99", "GC max", "live heap", "B/variable")}
	for i := range l.Points {
		p := &l.Points[i]
		g.Rows = append(g.Rows, []string{
			p.Label, spread(p.CPUPerWrite, timeText), spread(p.ClientCPU, timeText), spread(p.PauseP99, timeText), spread(p.PauseMax, timeText),
			spread(p.Heap, func(v float64) string { return report.Mebibytes(uint64(v)) }),
			spread(p.PerVariable, func(v float64) string { return report.Grouped(int64(v)) }),
		})
	}
	return g
}

func perSecondText(v float64) string { return report.Grouped(int64(v)) }

func timeText(v float64) string { return report.Duration(time.Duration(v)) }

// spread is the median of figures, with the least and the most of them.
func spread(figures []float64, text func(float64) string) string {
	if len(figures) == 0 {
		return "-"
	}
	if len(figures) == 1 {
		return text(figures[0])
	}
	return fmt.Sprintf("%s (%s..%s)", text(report.Median(figures)), text(slices.Min(figures)), text(slices.Max(figures)))
}
