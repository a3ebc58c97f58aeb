package curve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// Dimensions of a curve.
const (
	Nodes   = "nodes"
	Clients = "clients"
	Values  = "value-size"
	Keys    = "keys"
	All     = "all" // one after the other
)

// Dimensions are all but CurveAll, in the order in which they are measured.
func Dimensions() []string { return []string{Nodes, Clients, Values, Keys} }

// Config says which curves are measured. Its fields have the names of the flags
// of dsmbench curve.
type Config struct {
	Dimension string
	Writes    float64       // share of the operations
	Duration  time.Duration // of each run, that counts
	Warmup    time.Duration // before it
	Rounds    int           // runs of each point
	MostKeys  int           // points with more variables are left out
	Seed      uint64
}

// Defaults is a set of curves that takes about a quarter of an hour.
func Defaults() Config {
	return Config{
		Dimension: All, Writes: 0.5, Duration: 2 * time.Second, Warmup: time.Second, Rounds: 3,
		MostKeys: keysOnOneNode, Seed: 1,
	}
}

// maxRounds bounds what is kept of a curve.
const maxRounds = 100

// Validate reports the first field that makes no sense, by the name of its flag. The
// error wraps ErrConfig.
func (c *Config) Validate() error {
	if c.Dimension != All && !slices.Contains(Dimensions(), c.Dimension) {
		return program.BadFlag("dimension", c.Dimension, "must be nodes, clients, value-size, keys or all")
	}
	if c.Rounds < 1 || c.Rounds > maxRounds {
		return program.BadFlag("rounds", strconv.Itoa(c.Rounds), fmt.Sprintf("must be from 1 to %d", maxRounds))
	}
	if c.Duration > program.LongestPhase || c.Warmup > program.LongestPhase {
		return fmt.Errorf("%w: --duration %v, --warmup %v: must be at most %v", program.ErrConfig, c.Duration, c.Warmup, program.LongestPhase)
	}
	if c.MostKeys < leastKeys || c.MostKeys > keysOnOneNode {
		return program.BadFlag("most-keys", strconv.Itoa(c.MostKeys), fmt.Sprintf("must be from %d to %d", leastKeys, keysOnOneNode))
	}
	base := c.base()
	return base.Validate()
}

// base is the point that all curves go through.
func (c *Config) base() bench.Config {
	cfg := bench.Defaults()
	cfg.Nodes, cfg.Clients, cfg.Keys, cfg.ValueBytes = 3, 64, 10_000, 100
	cfg.Processes = true
	cfg.Writes, cfg.Duration, cfg.Warmup, cfg.Seed = c.Writes, c.Duration, c.Warmup, c.Seed
	return cfg
}

// mostValueBytes bounds all values of a point of the curve of value sizes together:
// every node, and what it keeps for readers, takes them several times.
const mostValueBytes = 64 << 20

// The curve of numbers of variables begins with leastKeys. Its last point,
// keysOnOneNode, and the one before it once more, are measured on a single node.
const (
	leastKeys     = 1000
	keysOnOneNode = 10_000_000
)

// points are the runs of a dimension, by what is varied.
func (c *Config) points(dimension string) (points []bench.Config, labels []string) {
	add := func(label string, change func(*bench.Config)) {
		cfg := c.base()
		change(&cfg)
		points, labels = append(points, cfg), append(labels, label)
	}
	switch dimension {
	case Nodes:
		for n := 1; n <= 9; n++ {
			add(strconv.Itoa(n), func(c *bench.Config) { c.Nodes = n })
		}
	case Clients:
		for n := 1; n <= 4096; n *= 4 {
			add(strconv.Itoa(n), func(c *bench.Config) { c.Clients = n })
		}
	case Values:
		for _, size := range []int{8, 100, 1 << 10, 8 << 10, 64 << 10, 256 << 10, 1 << 20} {
			label := sizeText(size)
			keys := min(c.base().Keys, mostValueBytes/size)
			if keys < c.base().Keys {
				label += ", " + report.Count(keys, "key")
			}
			add(label, func(c *bench.Config) { c.ValueBytes, c.Keys = size, keys })
		}
	case Keys:
		for keys := leastKeys; keys <= c.MostKeys; keys *= 10 {
			if keys < keysOnOneNode {
				add(report.Grouped(int64(keys)), func(c *bench.Config) { c.Keys = keys })
				continue
			}
			for _, k := range []int{keys / 10, keys} {
				add(report.Grouped(int64(k))+", 1 node", func(c *bench.Config) { c.Keys, c.Nodes = k, 1 })
			}
		}
	}
	return points, labels
}

// sizeText is a number of bytes with the unit that divides it.
func sizeText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// runner is Run, or what stands for it in tests.
type runner func(ctx context.Context, cfg bench.Config, env program.Env) (*report.Report, error)

// Run measures the curves that the Config asks for: every point of a dimension in
// turn, and that as often as there are rounds, so that a machine that drifts favours
// none. An error means that there is nothing to report.
func Run(ctx context.Context, cfg Config, env program.Env) (*Report, error) {
	return measure(ctx, cfg, env.OrNowhere(), bench.Run)
}

func measure(ctx context.Context, cfg Config, env program.Env, run runner) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base := cfg.base()
	r := &Report{SetUp: base.SetUp(), Rounds: cfg.Rounds}
	dimensions := []string{cfg.Dimension}
	if cfg.Dimension == All {
		dimensions = Dimensions()
	}
	quiet := env
	quiet.Notices, quiet.Progress = nil, nil
	for _, dimension := range dimensions {
		points, labels := cfg.points(dimension)
		line := Line{Dimension: dimension, Points: make([]Point, len(points))}
		for round := range cfg.Rounds {
			for i := range points {
				env.Notice("%s %s, round %d of %d", dimension, labels[i], round+1, cfg.Rounds)
				report, err := run(ctx, points[i], quiet)
				if ctx.Err() != nil {
					return nil, program.ErrInterrupted
				}
				if err != nil {
					return nil, fmt.Errorf("bench: %s %s: %w", dimension, labels[i], err)
				}
				line.Points[i].Label = labels[i]
				line.Points[i].add(&points[i], report)
				for _, failure := range report.Failures {
					r.Failures = append(r.Failures, fmt.Sprintf("%s %s: %s", dimension, labels[i], failure))
				}
			}
		}
		r.Lines = append(r.Lines, line)
	}
	return r, nil
}
