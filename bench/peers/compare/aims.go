package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// Aim is what a developer asks of a row, beside one system or the best of several.
type Aim struct {
	Row     string   `json:"row"`
	Metric  Metric   `json:"metric,omitempty"` // empty: the row's first
	Against []string `json:"against"`          // systems, of which the best counts
	In      string   `json:"in,omitempty"`     // the row where they are measured; empty: the same
	Times   float64  `json:"times,omitempty"`  // their figure counts so many times; 0: once
	Name    string   `json:"name,omitempty"`   // what their figure stands for
	Ratio   float64  `json:"ratio"`            // of ours to theirs: at least, or at most where less is better
}

// where is the row in which the others are measured.
func (a *Aim) where() string {
	if a.In != "" {
		return a.In
	}
	return a.Row
}

// errAim is wrapped by errors of a file of aims.
var errAim = errors.New("compare: an aim that cannot be")

// ReadAims reads a file of aims: a JSON array.
func ReadAims(path string) ([]Aim, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var aims []Aim
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&aims); err != nil {
		return nil, fmt.Errorf("compare: %s: %w", path, err)
	}
	for i := range aims {
		if err := aims[i].complete(); err != nil {
			return nil, fmt.Errorf("%s: aim %d: %w", path, i+1, err)
		}
	}
	return aims, nil
}

// complete fills in the metric and checks the rest.
func (a *Aim) complete() error {
	row, known := rowNamed(a.Row)
	_, inKnown := rowNamed(a.where())
	switch {
	case !known:
		return fmt.Errorf("%w: there is no row %q", errAim, a.Row)
	case row.Ours == "":
		return fmt.Errorf("%w: row %q is not about dsm", errAim, a.Row)
	case len(a.Against) == 0:
		return fmt.Errorf("%w: row %q is beside nothing", errAim, a.Row)
	case !inKnown:
		return fmt.Errorf("%w: there is no row %q", errAim, a.where())
	case a.Ratio <= 0 || a.Times < 0:
		return fmt.Errorf("%w: row %q: the ratio must be above 0, and times not below", errAim, a.Row)
	}
	for _, name := range a.Against {
		if _, known := systems.Named(name); !known {
			return fmt.Errorf("%w: there is no system %q", errAim, name)
		}
	}
	if a.Metric == "" {
		a.Metric = row.Metrics[0]
	}
	if !slices.Contains(row.Metrics, a.Metric) {
		return fmt.Errorf("%w: row %q has no %s", errAim, a.Row, a.Metric)
	}
	return nil
}

// Outcome says whether an aim was met.
type Outcome string

// Outcomes.
const (
	Met         Outcome = "met"
	NotMet      Outcome = "NOT met"
	NotMeasured Outcome = "not measured"
	Failed      Outcome = "failed"
	Behind      Outcome = "the offered rate was not reached"
)

// Judgment is an aim and what became of it.
type Judgment struct {
	Aim     Aim     `json:"aim"`
	Against string  `json:"against"` // the system that counted
	Ours    Figure  `json:"ours"`
	Theirs  Figure  `json:"theirs"`
	Ratio   float64 `json:"ratio"` // of the medians; 0: none
	Outcome Outcome `json:"outcome"`
}

// Judge has every aim that something was measured for. The aims are those of
// ReadAims.
func Judge(done []Measurement, aims []Aim) []Judgment {
	var judgments []Judgment
	for _, aim := range aims {
		row, _ := rowNamed(aim.Row)
		in, _ := rowNamed(aim.where())
		system, theirs := best(done, in, aim.Metric, aim.Against)
		j := Judgment{
			Aim: aim, Against: system,
			Ours: figure(done, row, aim.Metric, row.Ours), Theirs: theirs.times(aim.Times),
		}
		if j.Ours.Rounds+j.Ours.Failed+j.Theirs.Rounds+j.Theirs.Failed > 0 {
			ours := newLine(done, row, row.Ours)
			j.judge(ours.keepsUp())
			judgments = append(judgments, j)
		}
	}
	return judgments
}

// best is the figure of the best of several systems: of those that have one, and
// of these of those that keep up with what is offered, if there are any.
func best(done []Measurement, row Row, metric Metric, names []string) (string, Figure) {
	name, found, rank := "", Figure{}, -1
	for _, n := range names {
		f, line := figure(done, row, metric, n), newLine(done, row, n)
		r := 0
		if f.valid() {
			r = 1
			if line.keepsUp() {
				r = 2
			}
		}
		better := f.Median > found.Median
		if metric.less() {
			better = f.Median < found.Median
		}
		if r > rank || r == rank && better {
			name, found, rank = n, f, r
		}
	}
	return name, found
}

// judge fills in the ratio and the outcome.
func (j *Judgment) judge(keepsUp bool) {
	switch {
	case j.Ours.Failed+j.Theirs.Failed > 0:
		j.Outcome = Failed
	case !j.Ours.valid() || !j.Theirs.valid() || j.Theirs.Median == 0:
		j.Outcome = NotMeasured
	case !keepsUp:
		j.Outcome = Behind
	default:
		j.Ratio = j.Ours.Median / j.Theirs.Median
		met := j.Ratio >= j.Aim.Ratio
		if j.Aim.Metric.less() {
			met = j.Ratio <= j.Aim.Ratio
		}
		j.Outcome = NotMet
		if met {
			j.Outcome = Met
		}
	}
}
