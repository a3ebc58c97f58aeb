package compare

import (
	"math"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench/report"
)

// show is a figure with three digits, and its unit if it is a time.
func show(m Metric, v float64) string {
	switch {
	case m == Bandwidth && v < 100:
		return digits(v)
	case !m.less():
		return grouped(v)
	}
	d := time.Duration(v * float64(time.Second))
	switch {
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(d.Seconds()*1e3) + " ms"
	default:
		return digits(d.Seconds()*1e6) + " us"
	}
}

// digits shows three of them.
func digits(v float64) string {
	decimals := 0
	if v > 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(v))))
	}
	return strconv.FormatFloat(v, 'f', min(decimals, 3), 64)
}

// grouped shows a whole number, by thousands.
func grouped(v float64) string {
	return report.Grouped(int64(math.Round(v)))
}
