package compare

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

const (
	// level is how far two medians may be apart to be called level.
	level = 0.05

	// minReached is how much of an offered rate a system must do to have reached it.
	// What is in flight at the end of a point is missing from it.
	minReached = 0.98
)

// Versus is a metric of ours beside that of another system.
type Versus struct {
	Metric Metric  `json:"metric"`
	Ours   Figure  `json:"ours"`
	Theirs Figure  `json:"theirs"`
	Ahead  float64 `json:"ahead"` // how many times ours is better, by the medians; below 1: theirs is; 0: not compared
	// Overlap: the spread of the rounds is wider than the distance of the medians.
	Overlap bool   `json:"overlap,omitempty"`
	Words   string `json:"words"`
}

// Line is a row on one system.
type Line struct {
	Row     string        `json:"row"`
	Text    string        `json:"text"`
	Group   Group         `json:"group"`
	System  string        `json:"system"`
	Ours    bool          `json:"ours,omitempty"`
	Offered float64       `json:"offered,omitempty"` // a second
	Reached Figure        `json:"reached,omitzero"`  // of it
	Late    time.Duration `json:"late_p99_ns,omitempty"`
	Figures []Figure      `json:"figures"` // one for each metric of the row
	Versus  []Versus      `json:"versus,omitempty"`
}

// keepsUp reports whether the offered rate was reached.
func (l *Line) keepsUp() bool { return l.Offered == 0 || l.Reached.Median >= minReached*l.Offered }

// Compare has a line for each row and system that something was measured of, ours
// before the others.
func Compare(done []Measurement) []Line {
	var lines []Line
	for _, row := range Rows() {
		if row.Group == NoGroup {
			continue
		}
		ours := newLine(done, row, row.Ours)
		ours.Ours = true
		begin := len(lines)
		lines = append(lines, ours)
		for _, system := range row.Beside {
			l := newLine(done, row, system)
			if !l.measured() {
				continue
			}
			for i, metric := range row.Metrics {
				l.Versus = append(l.Versus, versus(metric, &ours, &l, i))
			}
			lines = append(lines, l)
		}
		if !ours.measured() && len(lines) == begin+1 {
			lines = lines[:begin]
		}
	}
	return lines
}

func newLine(done []Measurement, row Row, system string) Line {
	l := Line{
		Row: row.Name, Text: row.Text, Group: row.Group, System: system,
		Offered: row.Rate, Late: late(done, row, system),
	}
	for _, metric := range row.Metrics {
		l.Figures = append(l.Figures, figure(done, row, metric, system))
	}
	if row.Rate > 0 {
		l.Reached = figure(done, row, Rate, system)
	}
	return l
}

// measured reports whether there is anything to show.
func (l *Line) measured() bool { return l.Figures[0].Rounds+l.Figures[0].Failed > 0 }

// versus compares the i-th metric of two lines.
func versus(metric Metric, ours, theirs *Line, i int) Versus {
	v := Versus{Metric: metric, Ours: ours.Figures[i], Theirs: theirs.Figures[i]}
	switch {
	case !v.Ours.valid() || !v.Theirs.valid():
		v.Words = "not compared"
	case !ours.keepsUp() && !theirs.keepsUp():
		v.Words = "neither keeps up"
	case !ours.keepsUp():
		v.Words = "behind: it does not keep up"
	case !theirs.keepsUp():
		v.Words = "ahead: " + theirs.title() + " does not keep up"
	case v.Ours.Median == 0 || v.Theirs.Median == 0:
		v.Words = "not compared"
	default:
		v.Ahead = v.Ours.Median / v.Theirs.Median
		if metric.less() {
			v.Ahead = 1 / v.Ahead
		}
		v.Overlap = v.Ours.Min <= v.Theirs.Max && v.Theirs.Min <= v.Ours.Max && v.Ours.Rounds+v.Theirs.Rounds > 2
		v.Words = aheadText(v.Ahead, v.Overlap)
	}
	return v
}

// aheadText says who is ahead.
func aheadText(ahead float64, overlap bool) string {
	text := ""
	switch {
	case ahead > 1+level:
		text = timesText(ahead) + " times ahead"
	case ahead < 1/(1+level):
		text = timesText(1/ahead) + " times behind"
	default:
		return "level"
	}
	if overlap {
		text += ", within the spread"
	}
	return text
}

// timesText has two digits, or three below 2.
func timesText(f float64) string {
	switch {
	case f < 2:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	default:
		return fmt.Sprintf("%.0f", f)
	}
}

// title is what people know the system as.
func (l *Line) title() string { return titleOf(l.System) }

// titleOf returns the title of a system by its name.
func titleOf(name string) string {
	if s, known := systems.Named(name); known {
		return s.Title
	}
	return name
}
