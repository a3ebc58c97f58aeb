package compare

import (
	"slices"
)

// Figure is a point over all rounds.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"` // that have a result
	Failed int     `json:"failed"` // that have none
	Unable bool    `json:"unable"` // the system cannot do it
}

// valid reports whether there is something to compare.
func (f Figure) valid() bool { return f.Rounds > 0 && f.Failed == 0 }

// times is the figure so many times.
func (f Figure) times(n float64) Figure {
	if n != 0 {
		f.Median, f.Min, f.Max = f.Median*n, f.Min*n, f.Max*n
	}
	return f
}

// figure gathers a point from all rounds.
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
		values = append(values, metric.of(m.Result, row.Value))
	}
	f.Rounds = len(values)
	if len(values) > 0 {
		f.Median, f.Min, f.Max = median(values), slices.Min(values), slices.Max(values)
	}
	return f
}

// median of values, of which there is one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Outcome says whether an aim was met.
type Outcome string

// Outcomes.
const (
	Met         Outcome = "met"
	NotMet      Outcome = "NOT met"
	NoAim       Outcome = "-"
	NotMeasured Outcome = "not measured"
	NotBuilt    Outcome = "not built"
	Failed      Outcome = "failed"
)

// Comparison is a row beside one system.
type Comparison struct {
	Row     string  `json:"row"`
	Text    string  `json:"text"`
	Metric  Metric  `json:"metric"`
	Ours    Figure  `json:"ours"`
	Against string  `json:"against"` // the system, and what its figure stands for
	Theirs  Figure  `json:"theirs"`
	Ratio   float64 `json:"ratio"` // of the medians, ours to theirs; 0: there is none
	Aim     float64 `json:"aim"`   // at least, or at most where less is better; 0: none
	Outcome Outcome `json:"outcome"`
}

// Compare has every aim that something was measured for.
func Compare(done []Measurement) []Comparison {
	var comparisons []Comparison
	rows := Rows()
	for _, row := range rows {
		for _, aim := range row.Aims {
			c := compareOne(done, rows, row, aim)
			if c.Ours.Rounds+c.Ours.Failed+c.Theirs.Rounds+c.Theirs.Failed > 0 {
				comparisons = append(comparisons, c)
			}
		}
	}
	return comparisons
}

func compareOne(done []Measurement, rows []Row, row Row, aim Aim) Comparison {
	in := row
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == aim.Row }); i >= 0 {
		in = rows[i]
	}
	system, theirs := best(done, in, row.Metric, aim.Systems)
	c := Comparison{
		Row: row.Name, Text: row.Text, Metric: row.Metric, Aim: aim.Ratio,
		Ours: figure(done, row, row.Metric, row.Ours), Theirs: theirs.times(aim.Times), Against: system,
	}
	if aim.Text != "" {
		c.Against = aim.Text + " (" + system + ")"
	}
	c.judge()
	return c
}

// best is the figure of the best of several systems.
func best(done []Measurement, row Row, metric Metric, names []string) (string, Figure) {
	name, found := names[0], figure(done, row, metric, names[0])
	for _, n := range names[1:] {
		f := figure(done, row, metric, n)
		better := f.Median > found.Median
		if metric.less() {
			better = f.Median < found.Median
		}
		if f.valid() && (!found.valid() || better) {
			name, found = n, f
		}
	}
	return name, found
}

// judge fills in the ratio and the outcome.
func (c *Comparison) judge() {
	switch {
	case c.Ours.Unable:
		c.Outcome = NotBuilt
	case c.Ours.Failed+c.Theirs.Failed > 0:
		c.Outcome = Failed
	case !c.Ours.valid() || !c.Theirs.valid() || c.Theirs.Median == 0:
		c.Outcome = NotMeasured
	default:
		c.Ratio = c.Ours.Median / c.Theirs.Median
		met := c.Ratio >= c.Aim
		if c.Metric.less() {
			met = c.Ratio <= c.Aim
		}
		switch {
		case c.Aim == 0:
			c.Outcome = NoAim
		case met:
			c.Outcome = Met
		default:
			c.Outcome = NotMet
		}
	}
}
