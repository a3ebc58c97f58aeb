package compare

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// WriteTable shows comparisons to people.
func WriteTable(w io.Writer, comparisons []Comparison) error {
	table := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{PerColumn: []tw.Align{
			tw.AlignLeft, tw.AlignRight, tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight, tw.AlignLeft,
		}}),
	)
	table.Header([]string{"work", "dsm", "against", "it", "ratio", "aim", "outcome"})
	for _, c := range comparisons {
		ours := c.Ours.text(c.Metric)
		if c.Ours.Unable {
			ours = string(NotBuilt)
		}
		if err := table.Append([]string{
			fmt.Sprintf("%s, %s", c.Text, c.Metric), ours, c.Against, c.Theirs.text(c.Metric),
			c.ratioText(), c.aimText(), string(c.Outcome),
		}); err != nil {
			return err
		}
	}
	return table.Render()
}

// text is the median and the spread.
func (f Figure) text(m Metric) string {
	switch {
	case f.Failed > 0:
		return string(Failed)
	case f.Rounds == 0:
		return string(NotMeasured)
	default:
		return fmt.Sprintf("%s (%s..%s)", show(m, f.Median), show(m, f.Min), show(m, f.Max))
	}
}

func (c *Comparison) ratioText() string {
	if c.Ratio == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", c.Ratio)
}

func (c *Comparison) aimText() string {
	switch {
	case c.Aim == 0:
		return "-"
	case c.Metric.less():
		return fmt.Sprintf("<= %g", c.Aim)
	default:
		return fmt.Sprintf(">= %g", c.Aim)
	}
}

// show is a figure with three digits, and its unit if it is a time.
func show(m Metric, v float64) string {
	if !m.less() {
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
	s := strconv.FormatInt(int64(math.Round(v)), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
