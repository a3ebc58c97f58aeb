package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Dimensions of a curve.
const (
	CurveNodes   = "nodes"
	CurveClients = "clients"
	CurveValues  = "value-size"
	CurveKeys    = "keys"
	CurveAll     = "all" // one after the other
)

// CurveDimensions are all but CurveAll, in the order in which they are measured.
func CurveDimensions() []string { return []string{CurveNodes, CurveClients, CurveValues, CurveKeys} }

// CurveConfig says which curves are measured. Its fields have the names of the flags
// of dsmbench curve.
type CurveConfig struct {
	Dimension string
	Writes    float64       // share of the operations
	Duration  time.Duration // of each run, that counts
	Warmup    time.Duration // before it
	Rounds    int           // runs of each point
	MostKeys  int           // points with more variables are left out
	Seed      uint64
}

// CurveDefaults is a set of curves that takes about a quarter of an hour.
func CurveDefaults() CurveConfig {
	return CurveConfig{
		Dimension: CurveAll, Writes: 0.5, Duration: 2 * time.Second, Warmup: time.Second, Rounds: 3,
		MostKeys: keysOnOneNode, Seed: 1,
	}
}

// maxRounds bounds what is kept of a curve.
const maxRounds = 100

// Validate reports the first field that makes no sense, by the name of its flag. The
// error wraps ErrConfig.
func (c *CurveConfig) Validate() error {
	if c.Dimension != CurveAll && !slices.Contains(CurveDimensions(), c.Dimension) {
		return badFlag("dimension", c.Dimension, "must be nodes, clients, value-size, keys or all")
	}
	if c.Rounds < 1 || c.Rounds > maxRounds {
		return badFlag("rounds", strconv.Itoa(c.Rounds), fmt.Sprintf("must be from 1 to %d", maxRounds))
	}
	if c.Duration > longestPhase || c.Warmup > longestPhase {
		return fmt.Errorf("%w: --duration %v, --warmup %v: must be at most %v", ErrConfig, c.Duration, c.Warmup, longestPhase)
	}
	if c.MostKeys < leastKeys || c.MostKeys > keysOnOneNode {
		return badFlag("most-keys", strconv.Itoa(c.MostKeys), fmt.Sprintf("must be from %d to %d", leastKeys, keysOnOneNode))
	}
	base := c.base()
	return base.Validate()
}

// base is the point that all curves go through.
func (c *CurveConfig) base() Config {
	cfg := Defaults()
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
func (c *CurveConfig) points(dimension string) (points []Config, labels []string) {
	add := func(label string, change func(*Config)) {
		cfg := c.base()
		change(&cfg)
		points, labels = append(points, cfg), append(labels, label)
	}
	switch dimension {
	case CurveNodes:
		for n := 1; n <= 9; n++ {
			add(strconv.Itoa(n), func(c *Config) { c.Nodes = n })
		}
	case CurveClients:
		for n := 1; n <= 4096; n *= 4 {
			add(strconv.Itoa(n), func(c *Config) { c.Clients = n })
		}
	case CurveValues:
		for _, size := range []int{8, 100, 1 << 10, 8 << 10, 64 << 10, 256 << 10, 1 << 20} {
			label := sizeText(size)
			keys := min(c.base().Keys, mostValueBytes/size)
			if keys < c.base().Keys {
				label += ", " + count(keys, "key")
			}
			add(label, func(c *Config) { c.ValueBytes, c.Keys = size, keys })
		}
	case CurveKeys:
		for keys := leastKeys; keys <= c.MostKeys; keys *= 10 {
			if keys < keysOnOneNode {
				add(grouped(int64(keys)), func(c *Config) { c.Keys = keys })
				continue
			}
			for _, k := range []int{keys / 10, keys} {
				add(grouped(int64(k))+", 1 node", func(c *Config) { c.Keys, c.Nodes = k, 1 })
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
type runner func(ctx context.Context, cfg Config, env Env) (*Report, error)

// Curve measures the curves that the Config asks for: every point of a dimension in
// turn, and that as often as there are rounds, so that a machine that drifts favours
// none. An error means that there is nothing to report.
func Curve(ctx context.Context, cfg CurveConfig, env Env) (*CurveReport, error) {
	return curve(ctx, cfg, env.orNowhere(), Run)
}

func curve(ctx context.Context, cfg CurveConfig, env Env, run runner) (*CurveReport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base := cfg.base()
	r := &CurveReport{SetUp: base.SetUp(), Rounds: cfg.Rounds}
	dimensions := []string{cfg.Dimension}
	if cfg.Dimension == CurveAll {
		dimensions = CurveDimensions()
	}
	quiet := env
	quiet.Notices, quiet.Progress = nil, nil
	for _, dimension := range dimensions {
		points, labels := cfg.points(dimension)
		line := CurveLine{Dimension: dimension, Points: make([]CurvePoint, len(points))}
		for round := range cfg.Rounds {
			for i := range points {
				env.notice("%s %s, round %d of %d", dimension, labels[i], round+1, cfg.Rounds)
				report, err := run(ctx, points[i], quiet)
				if ctx.Err() != nil {
					return nil, ErrInterrupted
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
