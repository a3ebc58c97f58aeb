package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// CurveReport is what curves were measured.
type CurveReport struct {
	SetUp    string      `json:"set_up"` // of the point that all curves go through
	Rounds   int         `json:"rounds"`
	Lines    []CurveLine `json:"curves"`
	Failures []string    `json:"failures,omitempty"` // none: every ordering check of every run has passed
}

// CurveLine is one curve.
type CurveLine struct {
	Dimension string       `json:"dimension"`
	Points    []CurvePoint `json:"points"`
}

// CurvePoint has the figures of each round of a point.
type CurvePoint struct {
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
func (p *CurvePoint) add(cfg *Config, r *Report) {
	put := func(list *[]float64, v float64) { *list = append(*list, v) }
	writes, reads := rowOf(r.Operations, rowWrites), rowOf(r.Operations, rowReads)
	put(&p.PerSecond, all(r.Operations).PerSecond)
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
		if c.Process == clientsProcess {
			put(&p.ClientCPU, share/all(r.Operations).PerSecond)
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
func rowOf(rows []Row, op string) Row {
	for _, row := range rows {
		if row.Op == op && row.Node == "" {
			return row
		}
	}
	return Row{}
}

// Pass reports whether all checks of all runs have passed.
func (r *CurveReport) Pass() bool { return len(r.Failures) == 0 }

// WriteJSON writes every round of every point.
func (r *CurveReport) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for people: medians, and in brackets the least and the
// most of the rounds.
func (r *CurveReport) WriteText(w io.Writer) error {
	p := newSink(w)
	p.printf("%s\n", r.SetUp)
	p.printf("one dimension at a time around that; median of %s (least..most)\n", count(r.Rounds, "round"))
	p.printf("node CPU: of one node, its reads too, for each write of the group; GC pauses: of the worst node\n")
	for i := range r.Lines {
		l := &r.Lines[i]
		p.printf("\n%s: rates and latencies\n", l.Dimension)
		p.table(l.rates())
		p.printf("\n%s: what it costs a node\n", l.Dimension)
		p.table(l.prices())
	}
	p.verdict(r.Failures)
	return p.err
}

func (l *CurveLine) rates() grid {
	g := grid{header: []string{l.Dimension, "ops/s", "write p50", "write p99", "read p50", "read p99"}, align: alignRight(6, 1)}
	for i := range l.Points {
		p := &l.Points[i]
		g.rows = append(g.rows, []string{
			p.Label, spread(p.PerSecond, perSecondText), spread(p.WriteP50, timeText), spread(p.WriteP99, timeText),
			spread(p.ReadP50, timeText), spread(p.ReadP99, timeText),
		})
	}
	return g
}

func (l *CurveLine) prices() grid {
	g := grid{
		header: []string{l.Dimension, "node CPU/write", "client CPU/op", "GC p99", "GC max", "live heap", "B/variable"},
		align:  alignRight(7, 1),
	}
	for i := range l.Points {
		p := &l.Points[i]
		g.rows = append(g.rows, []string{
			p.Label, spread(p.CPUPerWrite, timeText), spread(p.ClientCPU, timeText), spread(p.PauseP99, timeText), spread(p.PauseMax, timeText),
			spread(p.Heap, func(v float64) string { return mebibytes(uint64(v)) }),
			spread(p.PerVariable, func(v float64) string { return grouped(int64(v)) }),
		})
	}
	return g
}

func perSecondText(v float64) string { return grouped(int64(v)) }

func timeText(v float64) string { return shortDuration(time.Duration(v)) }

// spread is the median of figures, with the least and the most of them.
func spread(figures []float64, text func(float64) string) string {
	if len(figures) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(figures))
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	if len(sorted) == 1 {
		return text(middle)
	}
	return fmt.Sprintf("%s (%s..%s)", text(middle), text(sorted[0]), text(sorted[len(sorted)-1]))
}
