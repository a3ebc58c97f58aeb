package compare

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/bench/report"
)

// Figure is a metric of a point over all rounds.
type Figure struct {
	Median    float64 `json:"median"`
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Rounds    int     `json:"rounds"`              // that have a result
	Failed    int     `json:"failed,omitempty"`    // that have none
	Unable    bool    `json:"unable,omitempty"`    // the system cannot do it
	Disturbed int     `json:"disturbed,omitempty"` // rounds beside which something else ran
}

// valid reports whether there is something to compare.
func (f Figure) valid() bool { return f.Rounds > 0 && f.Failed == 0 }

// times is the figure so many times; 0: once.
func (f Figure) times(n float64) Figure {
	if n != 0 {
		f.Median, f.Min, f.Max = f.Median*n, f.Min*n, f.Max*n
	}
	return f
}

// figure gathers a metric of a point from all rounds.
func figure(done []Measurement, row Row, metric Metric, system string) Figure {
	var f Figure
	var values []float64
	for _, m := range done {
		if m.Row != row.Name || m.System != system {
			continue
		}
		f.Unable = f.Unable || m.Unable
		if m.Error != "" {
			f.Failed++
			continue
		}
		if m.Use.Noisy() {
			f.Disturbed++
		}
		values = append(values, metric.of(m.Result, &row))
	}
	f.Rounds = len(values)
	if len(values) > 0 {
		f.Median, f.Min, f.Max = report.Median(values), slices.Min(values), slices.Max(values)
	}
	return f
}

// late is how late operations of a schedule were handed out, the worst of the
// rounds.
func late(done []Measurement, row Row, system string) time.Duration {
	var worst time.Duration
	for _, m := range done {
		if m.Row == row.Name && m.System == system {
			worst = max(worst, m.Result.Late)
		}
	}
	return worst
}
