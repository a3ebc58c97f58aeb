package report

import "github.com/HdrHistogram/hdrhistogram-go"

// Row is a line of the table of operations. Times are nanoseconds.
type Row struct {
	Node      string  `json:"node"` // empty: all nodes
	Op        string  `json:"op"`   // or "reads", "writes", "all"
	Count     int64   `json:"count"`
	Conflicts int64   `json:"conflicts"`  // of Count: conditions that did not hold
	OverQuota int64   `json:"over_quota"` // of Count: writes that the quota of the group forbade
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
	RowReads  = "reads"
	RowWrites = "writes"
	RowAll    = "all"
)

// group reports whether the row sums up several operations.
func (r *Row) group() bool { return r.Op == RowReads || r.Op == RowWrites || r.Op == RowAll }

// All is the row of all operations on all nodes.
func All(rows []Row) Row {
	for _, row := range rows {
		if row.Op == RowAll && row.Node == "" {
			return row
		}
	}
	return Row{}
}

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

func row(node, op string, h *hdrhistogram.Histogram, conflicts, errors int64, rate float64) Row {
	r := Row{Node: node, Op: op, Conflicts: conflicts, Errors: errors, PerSecond: rate}
	if h == nil {
		return r
	}
	r.Count, r.Mean, r.Max = h.TotalCount(), h.Mean(), h.Max()
	r.P50, r.P90 = h.ValueAtQuantile(50), h.ValueAtQuantile(90)
	r.P99, r.P999 = h.ValueAtQuantile(99), h.ValueAtQuantile(99.9)
	return r
}
