package bench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/internal/history"
)

// Range and precision of the histograms.
const (
	maxLatency         = time.Hour
	significantFigures = 3
	maxErrorTexts      = 5
)

// kinds has the operations in the order in which they are shown.
var kinds = []history.Kind{
	history.Get, history.GetStrong, history.Set, history.Add, history.CompareAndSet, history.Delete,
}

// figures gathers the latencies of a run, by node and operation.
type figures struct {
	cells  map[cellKey]*hdrhistogram.Histogram
	inTime map[cellKey]int64 // of those in cells, how many ended in the time that counts
	errors map[cellKey]int64
	texts  []string // of the first errors, each once
	failed int64    // errors in the whole run
}

type cellKey struct {
	node string
	kind history.Kind
}

func newFigures() *figures {
	return &figures{
		cells:  make(map[cellKey]*hdrhistogram.Histogram),
		inTime: make(map[cellKey]int64), errors: make(map[cellKey]int64),
	}
}

// newHistogram has room for a nanosecond to an hour.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(maxLatency), significantFigures)
}

// add takes an operation. One that failed for no fault of its own (it was not
// refused by what the variable held) is an error and has no latency.
func (f *figures) add(r *record) {
	if r.err != nil {
		f.failed++
		text := fmt.Sprintf("%s %q of client %d: %v", r.op.Kind, r.op.Key, r.op.Client, r.err)
		if len(f.texts) < maxErrorTexts {
			f.texts = append(f.texts, text)
		}
	}
	if !r.counts {
		return
	}
	key := cellKey{cmp.Or(r.op.Node, r.home), r.op.Kind}
	if r.err != nil {
		f.errors[key]++
		return
	}
	h := f.cells[key]
	if h == nil {
		h = newHistogram()
		f.cells[key] = h
	}
	if r.op.End <= r.until {
		f.inTime[key]++
	}
	// Clamped, since what is beyond the range must not vanish.
	latency := min(max(r.op.End-r.intended, 1), int64(maxLatency))
	if err := h.RecordValue(latency); err != nil {
		panic(fmt.Sprintf("bench: a latency of %d ns within the histogram's range was refused: %v", latency, err))
	}
}

// merged returns one histogram of all cells that suit, nil if there are none,
// and the errors among them.
func (f *figures) merged(suits func(cellKey) bool) (h *hdrhistogram.Histogram, errors int64) {
	for key, cell := range f.cells {
		if !suits(key) {
			continue
		}
		if h == nil {
			h = newHistogram()
		}
		h.Merge(cell)
	}
	for key, n := range f.errors {
		if suits(key) {
			errors += n
		}
	}
	return h, errors
}

// done returns how many operations that suit ended in the time that counts. Those
// still in flight at its end have a latency like the others, but are no part of
// what was done in that time.
func (f *figures) done(suits func(cellKey) bool) (n int64) {
	for key, ended := range f.inTime {
		if suits(key) {
			n += ended
		}
	}
	return n
}

// nodes returns the nodes that answered, or should have, sorted.
func (f *figures) nodes() []string {
	names := map[string]bool{}
	for key := range f.cells {
		names[key.node] = true
	}
	for key := range f.errors {
		names[key.node] = true
	}
	delete(names, "") // those of which no node is known
	return slices.Sorted(maps.Keys(names))
}

// Row is a line of the table of operations. Times are nanoseconds.
type Row struct {
	Node      string  `json:"node"` // empty: all nodes
	Op        string  `json:"op"`   // or "reads", "writes", "all"
	Count     int64   `json:"count"`
	Errors    int64   `json:"errors"`
	PerSecond float64 `json:"per_second"`
	Mean      float64 `json:"mean_ns"`
	P50       int64   `json:"p50_ns"`
	P90       int64   `json:"p90_ns"`
	P99       int64   `json:"p99_ns"`
	P999      int64   `json:"p999_ns"`
	Max       int64   `json:"max_ns"`
}

// Rows that sum up several operations.
const (
	rowReads  = "reads"
	rowWrites = "writes"
	rowAll    = "all"
)

// group reports whether the row sums up several operations.
func (r *Row) group() bool { return r.Op == rowReads || r.Op == rowWrites || r.Op == rowAll }

// rows returns each operation, reads, writes and all, over all nodes and then
// for each node, as far as there were any. The row of all is there always.
func (f *figures) rows(seconds float64) []Row {
	var rows []Row
	for _, node := range append([]string{""}, f.nodes()...) {
		add := func(name string, suits func(history.Kind) bool) {
			these := func(key cellKey) bool { return (node == "" || key.node == node) && suits(key.kind) }
			h, errors := f.merged(these)
			if h != nil || errors > 0 || name == rowAll {
				rows = append(rows, row(node, name, h, errors, perSecond(f.done(these), seconds)))
			}
		}
		for _, kind := range kinds {
			add(string(kind), func(k history.Kind) bool { return k == kind })
		}
		add(rowReads, history.Kind.IsRead)
		add(rowWrites, func(k history.Kind) bool { return !k.IsRead() })
		add(rowAll, func(history.Kind) bool { return true })
	}
	return rows
}

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

func row(node, op string, h *hdrhistogram.Histogram, errors int64, rate float64) Row {
	r := Row{Node: node, Op: op, Errors: errors, PerSecond: rate}
	if h == nil {
		return r
	}
	r.Count, r.Mean, r.Max = h.TotalCount(), h.Mean(), h.Max()
	r.P50, r.P90 = h.ValueAtQuantile(50), h.ValueAtQuantile(90)
	r.P99, r.P999 = h.ValueAtQuantile(99), h.ValueAtQuantile(99.9)
	return r
}
