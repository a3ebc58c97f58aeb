package main

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/bench/report"
)

// line says how the new values are to the old ones.
func (w *workload) line(before, after []float64) string {
	unit, scale := "/s", 1.0
	if w.latency {
		unit, scale = " us", 1000
	}
	return fmt.Sprintf("%-35s old %9.1f%s, new %9.1f%s; new is %.3f by medians, %.3f by pairs (%.3f to %.3f)",
		w.name, report.Median(before)/scale, unit, report.Median(after)/scale, unit,
		w.better(report.Median(before), report.Median(after)),
		report.Median(w.pairs(before, after)), slices.Min(w.pairs(before, after)), slices.Max(w.pairs(before, after)))
}

// better is how many times as good the new value is as the old one.
func (w *workload) better(before, after float64) float64 {
	if w.latency {
		return before / after
	}
	return after / before
}

// pairs compares the runs of each round.
func (w *workload) pairs(before, after []float64) []float64 {
	ratios := make([]float64, len(before))
	for i := range before {
		ratios[i] = w.better(before[i], after[i])
	}
	return ratios
}
