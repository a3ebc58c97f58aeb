package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
)

// Report is everything that a run has found out.
type Report struct {
	Noise        noise.Summary
	SetUp        SetUp
	Systems      []SystemInfo
	Measurements []Measurement
}

// Failed reports whether something could not be measured.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Measurements, func(m Measurement) bool { return m.Error != "" && !m.Unable })
}

// Markdown is the report for people. Its first line says whether the machine was
// quiet.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", r.Noise.String(), r.SetUp.String())
	lines := Compare(r.Measurements)
	disturbed := false
	for _, group := range []Group{Network, Offered, Embedded} {
		var of []Line
		for _, l := range lines {
			if l.Group == group {
				of = append(of, l)
				disturbed = disturbed || l.disturbed()
			}
		}
		if len(of) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", group)
		if group == Offered {
			writeOffered(&b, of)
		} else {
			writeRates(&b, of)
		}
	}
	if disturbed {
		b.WriteString("\n`*`: something else ran beside at least one of the rounds.\n")
	}
	r.writeSystems(&b)
	return b.String()
}

// writeRates has a figure a line.
func writeRates(b *strings.Builder, lines []Line) {
	rows := [][]string{}
	for i, l := range lines {
		metric := metricsOf(l.Row)[0]
		words := ""
		if !l.Ours {
			words = l.Versus[0].Words
		}
		rows = append(rows, []string{firstOfRow(lines, i, l.Text+", "+string(metric)), l.name(), l.Figures[0].text(metric), words})
	}
	writeTable(b, []string{"work", "system", "median (least..greatest)", "dsm is"}, "llrl", rows)
}

// writeOffered has two latencies a line, or the rate that was reached.
func writeOffered(b *strings.Builder, lines []Line) {
	rows := [][]string{}
	for i, l := range lines {
		row := []string{firstOfRow(lines, i, l.Text), l.name()}
		for k, metric := range metricsOf(l.Row) {
			figure, words := l.Figures[k].text(metric), ""
			if !l.Ours {
				words = l.Versus[k].Words
			}
			if l.Figures[k].valid() && !l.keepsUp() {
				figure = fmt.Sprintf("only %s/s", show(Rate, l.Reached.Median))
			}
			row = append(row, figure, words)
		}
		late := "-"
		if l.measured() {
			late = show(P99, l.Late.Seconds())
		}
		rows = append(rows, append(row, late))
	}
	writeTable(b, []string{"offered", "system", "p50", "dsm is", "p99", "dsm is", "handed out late"}, "llrlrlr", rows)
	fmt.Fprintf(b, "\nLatency counts from when a write was due, so that no stall is hidden. A system that did less than %.0f%% of the\n"+
		"offered rate shows what it did. The last column is how late writes were handed to the clients (p99, the worst round):\n"+
		"the load generator shares the processors with what it loads, and this is part of the latencies beside it.\n", 100*minReached)
}

// firstOfRow is a text in the first line of a row only.
func firstOfRow(lines []Line, i int, text string) string {
	if i > 0 && lines[i-1].Row == lines[i].Row {
		return ""
	}
	return text
}

func metricsOf(row string) []Metric {
	r, _ := rowNamed(row)
	return r.Metrics
}

// name is the title; ours stands out.
func (l *Line) name() string {
	if l.Ours {
		return "**" + l.title() + "**"
	}
	return l.title()
}

func (l *Line) disturbed() bool {
	return slices.ContainsFunc(l.Figures, func(f Figure) bool { return f.Disturbed > 0 })
}

// text is the median and the spread.
func (f Figure) text(m Metric) string {
	switch {
	case f.Unable:
		return "not possible"
	case f.Failed > 0:
		return string(Failed)
	case f.Rounds == 0:
		return string(NotMeasured)
	}
	mark := ""
	if f.Disturbed > 0 {
		mark = " *"
	}
	if f.Rounds == 1 {
		return show(m, f.Median) + mark
	}
	return fmt.Sprintf("%s (%s..%s)%s", show(m, f.Median), show(m, f.Min), show(m, f.Max), mark)
}

// writeSystems says what the figures are the price of.
func (r *Report) writeSystems(b *strings.Builder) {
	var rows [][]string
	for _, s := range r.Systems {
		if !s.Limit {
			version, library := s.Version, s.Library
			if version == "" { // it is a library
				_, version, _ = strings.Cut(library, " ")
				library = ""
			}
			rows = append(rows, []string{s.Title, version, s.Holds, s.Disk, s.Reads, s.Client, library})
		}
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n### What was compared\n\n")
	writeTable(b, []string{
		"system", "version", "a write is acknowledged by", "on disk", "a read is answered by", "connections", "client",
	}, "lllllll", rows)
}

// JudgmentTable shows aims to developers.
func JudgmentTable(judgments []Judgment) string {
	var rows [][]string
	for _, j := range judgments {
		row, _ := rowNamed(j.Aim.Row)
		against := titleOf(j.Against)
		if j.Aim.Name != "" {
			against = j.Aim.Name + " (" + against + ")"
		}
		ratio, sign := "-", ">="
		if j.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", j.Ratio)
		}
		if j.Aim.Metric.less() {
			sign = "<="
		}
		rows = append(rows, []string{
			row.Text + ", " + string(j.Aim.Metric), j.Ours.text(j.Aim.Metric), against, j.Theirs.text(j.Aim.Metric),
			ratio, fmt.Sprintf("%s %g", sign, j.Aim.Ratio), string(j.Outcome),
		})
	}
	var b strings.Builder
	writeTable(&b, []string{"work", "dsm", "beside", "it", "ratio", "aim", "outcome"}, "lrlrrll", rows)
	return b.String()
}
