package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxErrorTexts is how many errors are told.
const maxErrorTexts = 5

// Kinds has the operations in the order in which they are shown.
var Kinds = []history.Kind{
	history.Get, history.GetStrong, history.Set, history.Add, history.CompareAndSet, history.Delete,
	history.Txn, history.ReadRange, history.CountRange,
}

// Figures gathers the latencies of a run, by node and operation.
type Figures struct {
	cells  map[cellKey]*hdrhistogram.Histogram
	inTime map[cellKey]int64 // of those in cells, how many ended in the time that counts
	clash  map[cellKey]int64 // of those in cells, how many were refused for a condition
	over   map[cellKey]int64 // likewise, for the quota
	errors map[cellKey]int64
	Texts  []string // of the first errors, each once
	Failed int64    // errors in the whole run
}

type cellKey struct {
	node string
	kind history.Kind
}

// NewFigures returns figures of nothing yet.
func NewFigures() *Figures {
	return &Figures{
		cells:  make(map[cellKey]*hdrhistogram.Histogram),
		inTime: make(map[cellKey]int64), clash: make(map[cellKey]int64), over: make(map[cellKey]int64), errors: make(map[cellKey]int64),
	}
}

// Add takes an operation. One that failed for no fault of its own (it was not
// refused by what the variables held) is an error and has no latency.
func (f *Figures) Add(r *load.Record) {
	if r.Err != nil {
		f.Failed++
		text := fmt.Sprintf("%s %q of client %d: %v", r.Op.Kind, r.Op.Key, r.Op.Client, r.Err)
		if len(f.Texts) < maxErrorTexts {
			f.Texts = append(f.Texts, text)
		}
	}
	if !r.Counts {
		return
	}
	key := cellKey{cmp.Or(r.Op.Node, r.Home), r.Op.Kind}
	if r.Err != nil {
		f.errors[key]++
		return
	}
	h := f.cells[key]
	if h == nil {
		h = load.NewHistogram()
		f.cells[key] = h
	}
	if r.Op.End <= r.Until {
		f.inTime[key]++
	}
	if conflicts(&r.Op) {
		f.clash[key]++
	}
	if r.Op.Because == history.Quota {
		f.over[key]++
	}
	load.RecordLatency(h, r.Op.End-r.Intended)
}

// conflicts reports whether a condition of an operation did not hold. Of a transaction with
// conditions the other branch has run then.
func conflicts(o *history.Op) bool {
	if o.Status == history.Fail {
		return o.Because == history.Conflict
	}
	return o.Kind == history.Txn && o.Status == history.OK && o.Sum == wire.TxnElse
}

// merged returns one histogram of all cells that suit, nil if there are none,
// and the errors among them.
func (f *Figures) merged(suits func(cellKey) bool) (h *hdrhistogram.Histogram, errors int64) {
	for key, cell := range f.cells {
		if !suits(key) {
			continue
		}
		if h == nil {
			h = load.NewHistogram()
		}
		h.Merge(cell)
	}
	return h, sum(f.errors, suits)
}

// sum adds up what suits: of inTime, those that were done in the time that counts. Those still
// in flight at its end have a latency like the others, but are no part of what was done then.
func sum(of map[cellKey]int64, suits func(cellKey) bool) (n int64) {
	for key, one := range of {
		if suits(key) {
			n += one
		}
	}
	return n
}

// nodes returns the nodes that answered, or should have, sorted.
func (f *Figures) nodes() []string {
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

// Rows returns each operation, reads, writes and all, over all nodes and then
// for each node, as far as there were any. The row of all is there always.
func (f *Figures) Rows(seconds float64) []Row {
	var rows []Row
	for _, node := range append([]string{""}, f.nodes()...) {
		add := func(name string, suits func(history.Kind) bool) {
			these := func(key cellKey) bool { return (node == "" || key.node == node) && suits(key.kind) }
			h, errors := f.merged(these)
			if h != nil || errors > 0 || name == RowAll {
				one := row(node, name, h, sum(f.clash, these), errors, perSecond(sum(f.inTime, these), seconds))
				one.OverQuota = sum(f.over, these)
				rows = append(rows, one)
			}
		}
		for _, kind := range Kinds {
			add(string(kind), func(k history.Kind) bool { return k == kind })
		}
		add(RowReads, history.Kind.IsRead)
		add(RowWrites, func(k history.Kind) bool { return !k.IsRead() })
		add(RowAll, func(history.Kind) bool { return true })
	}
	return rows
}
