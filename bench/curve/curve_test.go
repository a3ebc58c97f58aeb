package curve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// TestCurve measures every point in every round, one round after the other, and shows
// medians with their spread.
func TestCurve(t *testing.T) {
	cfg := Defaults()
	cfg.Dimension, cfg.Rounds = Nodes, 3
	var ran []int
	run := func(_ context.Context, c bench.Config, _ program.Env) (*report.Report, error) {
		if err := c.Validate(); err != nil || !c.Processes {
			t.Errorf("point %+v, error %v", c, err)
		}
		ran = append(ran, c.Nodes)
		r := &report.Report{Pass: true, Operations: []report.Row{
			{Op: report.RowAll, Count: 10, PerSecond: float64(len(ran))},
			{Op: report.RowWrites, Count: 5, PerSecond: 1000, P50: int64(time.Millisecond)},
		}}
		for i := range c.Nodes {
			r.Costs = append(r.Costs, report.Cost{
				Process: cluster.NodeName(i), Seconds: 2, CPU: 20 * time.Millisecond, PauseMax: time.Duration(i),
				HeapBefore: 1 << 20, HeapAfter: 3 << 20,
			})
		}
		r.Costs = append(r.Costs, report.Cost{Process: report.ClientsProcess, Seconds: 2, CPU: time.Second})
		if len(ran) == 27 {
			r.Pass, r.Failures = false, []string{"something"}
		}
		return r, nil
	}
	r, err := measure(t.Context(), cfg, program.Env{}.OrNowhere(), run)
	if err != nil {
		t.Fatal(err)
	}
	one := []int{1, 2, 3, 4, 5, 6, 7, 8, 9}
	if !slices.Equal(ran, slices.Concat(one, one, one)) {
		t.Errorf("measured %v", ran)
	}
	p := &r.Lines[0].Points[8]
	if !slices.Equal(p.PerSecond, []float64{9, 18, 27}) || p.CPUPerWrite[0] != 10_000 || p.PauseMax[0] != 8 ||
		p.PerVariable[0] != 2<<20/10_000. {
		t.Errorf("point %+v", p)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || r.Pass() || !strings.Contains(text.String(), "18(9..27)") || !strings.HasSuffix(text.String(), "nodes 9: something\nFAIL\n") {
		t.Errorf("error %v, text %s", err, text.String())
	}
}

// TestCurvePoints holds that every point of every dimension can be run, and that it
// differs from the base in one thing only.
func TestCurvePoints(t *testing.T) {
	cfg := Defaults()
	for _, dimension := range Dimensions() {
		points, labels := cfg.points(dimension)
		if len(points) < 5 || len(points) != len(labels) {
			t.Errorf("%s has the points %q", dimension, labels)
		}
		for i, c := range points {
			if err := c.Validate(); err != nil {
				t.Errorf("%s %s: %v", dimension, labels[i], err)
			}
			if c.Keys*c.ValueBytes > max(mostValueBytes, 100*c.Keys) {
				t.Errorf("%s %s: %d variables of %d bytes", dimension, labels[i], c.Keys, c.ValueBytes)
			}
		}
	}
}

func TestCurveConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"--dimension up": func(c *Config) { c.Dimension = "up" },
		"--rounds 0":     func(c *Config) { c.Rounds = 0 },
		"--writes":       func(c *Config) { c.Writes = 2 },
		"--duration":     func(c *Config) { c.Duration = 0 },
		"--most-keys 9":  func(c *Config) { c.MostKeys = 9 },
		"--warmup 2h":    func(c *Config) { c.Warmup = 2 * time.Hour },
	} {
		cfg := Defaults()
		change(&cfg)
		if r, err := Run(t.Context(), cfg, program.Env{}); r != nil || !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("report %v, error %v, want one with %q that wraps ErrConfig", r, err, want)
		}
	}
}

func TestSpread(t *testing.T) {
	for want, figures := range map[string][]float64{
		"-": nil, "7": {7}, "2 (1..3)": {3, 1, 2}, "2 (1..4)": {4, 1, 2, 3},
	} {
		if got := spread(figures, perSecondText); got != want {
			t.Errorf("spread of %v: %q, want %q", figures, got, want)
		}
	}
}
