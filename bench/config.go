package bench

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
)

// ErrConfig is wrapped by errors that a change of the Config mends. Nothing
// was started.
var ErrConfig = errors.New("bench: configuration")

// Distributions of the keys that clients choose.
const (
	Uniform = "uniform"
	Zipfian = "zipfian"
)

// Levels of delivery.
const (
	Safe   = "safe"
	Agreed = "agreed"
)

// RandomFaults stands for a schedule of faults that Seed decides.
const RandomFaults = "random"

// Config says what a run does. Its fields have the names of dsmbench's flags.
type Config struct {
	Nodes      int           // of the group that is started
	Writes     float64       // share of the operations that write, 0 to 1
	Strong     float64       // share of the reads that are strong
	Adds       float64       // shares of the writes that are not plain sets
	CAS        float64       //
	Dels       float64       //
	Duration   time.Duration // that counts
	Warmup     time.Duration // before it
	Clients    int           // sessions, spread evenly over the nodes
	Async      int           // writes that a client keeps outstanding; 0: it waits for each
	Conns      int           // connections to each node that its clients share
	Keys       int           // variables
	ValueBytes int           // size of a value
	Dist       string        // Uniform or Zipfian
	Rate       float64       // operations a second by schedule; 0: closed loop
	Delivery   string        // Safe or Agreed
	Embedded   bool          // clients use the handles of the nodes in this process
	Processes  bool          // nodes and registry are processes of their own
	Faults     string        // what goes wrong, as fault.Parse reads it, or RandomFaults; implies Processes
	Target     string        // DSN of a running group; empty: start one
	Keep       bool          // leave the variables in the running group
	Seed       uint64        // of all that is random

	HistFile       string // percentiles go here; empty: nowhere, and so below
	HistoryFile    string
	DeliveryLogDir string
}

// Defaults is a run of a few seconds on a group of four.
func Defaults() Config {
	return Config{
		Nodes: 4, Writes: 0.5, Strong: 0.01, Adds: 0.01, CAS: 0.01, Dels: 0.01,
		Duration: 5 * time.Second, Warmup: time.Second,
		Clients: 64, Conns: 1, Keys: 10_000, ValueBytes: 100,
		Dist: Uniform, Delivery: Safe, Seed: 1,
	}
}

// Bounds of a Config.
const (
	maxNodes      = 64
	maxClients    = 1 << 16
	maxConns      = 1024
	maxAsync      = 4096 // as many as a session of the driver may have, unless it is told otherwise
	maxKeys       = 10_000_000
	minValueBytes = 8 // a client's number and a count make each value unique
	maxValueBytes = 1 << 20
	maxDuration   = 30 * 24 * time.Hour
	maxRate       = 10_000_000

	maxFaultyDuration = 24 * time.Hour // what is kept for each second of it is bounded
)

// Validate reports the first field that makes no sense, by the name of its
// flag. The error wraps ErrConfig.
func (c *Config) Validate() error {
	for _, f := range []intFlag{
		{"nodes", c.Nodes, 1, maxNodes},
		{"clients", c.Clients, 1, maxClients},
		{"async", c.Async, 0, maxAsync},
		{"conns", c.Conns, 1, maxConns},
		{"keys", c.Keys, 1, maxKeys},
		{"value-size", c.ValueBytes, minValueBytes, maxValueBytes},
	} {
		if err := f.validate(); err != nil {
			return err
		}
	}
	shares := []struct {
		flag  string
		value float64
	}{{"writes", c.Writes}, {"strong", c.Strong}, {"adds", c.Adds}, {"cas", c.CAS}, {"dels", c.Dels}}
	for _, f := range shares {
		if !(f.value >= 0 && f.value <= 1) {
			return badFlag(f.flag, showShare(f.value), "must be from 0% to 100%")
		}
	}
	if c.Adds+c.CAS+c.Dels > 1 {
		return badFlag("adds", showShare(c.Adds), "with --cas and --dels must not be above 100% together")
	}
	if c.Duration <= 0 || c.Duration > maxDuration {
		return badFlag("duration", c.Duration.String(), "must be above 0 and at most 720h")
	}
	if c.Warmup < 0 || c.Warmup > maxDuration {
		return badFlag("warmup", c.Warmup.String(), "must be from 0s to 720h")
	}
	if !(c.Rate >= 0 && c.Rate <= maxRate) {
		return badFlag("rate", strconv.FormatFloat(c.Rate, 'g', -1, 64),
			fmt.Sprintf("must be from 1 to %d operations a second, or 0 for no schedule", maxRate))
	}
	return c.validateChoices()
}

func (c *Config) validateChoices() error {
	switch {
	case c.Dist != Uniform && c.Dist != Zipfian:
		return badFlag("dist", c.Dist, "must be uniform or zipfian")
	case c.Delivery != Safe && c.Delivery != Agreed:
		return badFlag("delivery", c.Delivery, "must be safe or agreed")
	case c.Embedded && c.Processes:
		return fmt.Errorf("%w: --embedded needs the nodes in this process, --processes puts them elsewhere: leave one out", ErrConfig)
	case c.Keep && c.Target == "":
		return fmt.Errorf("%w: --keep leaves variables in a running group: give one with --target", ErrConfig)
	case c.Faults != "" && c.Embedded:
		return fmt.Errorf("%w: --faults needs the nodes in processes of their own, --embedded puts them into this one: leave one out", ErrConfig)
	case c.Faults != "" && c.Target != "":
		return fmt.Errorf("%w: --faults breaks a group that the run starts, --target uses one that runs already: leave one out", ErrConfig)
	case c.Faults != "" && !canBreak:
		return fmt.Errorf("%w: --faults needs a Unix system", ErrConfig)
	case c.Faults != "" && c.Duration > maxFaultyDuration:
		return badFlag("duration", c.Duration.String(), "must be at most 24h with --faults")
	case c.Target != "" && (c.Embedded || c.Processes):
		return fmt.Errorf("%w: --target uses a running group, --embedded and --processes start one: leave one out", ErrConfig)
	}
	if c.Target != "" {
		if _, err := client.ParseDSN(c.Target); err != nil {
			return fmt.Errorf("%w: --target: %w", ErrConfig, err)
		}
	}
	if _, err := c.schedule(); err != nil || c.Faults == "" {
		return err
	}
	return c.validateLoad()
}

// What a load with faults must have of writes, and of reads, if it has any, lest
// their mere rarity look like an outage.
const (
	leastPerSecond = 10.0  // of a schedule: in 3 s there are none by chance once in e^30 times
	leastShare     = 0.001 // of a closed loop, which is far faster than a schedule need be
)

// validateLoad refuses a load whose silences say nothing of the group.
func (c *Config) validateLoad() error {
	for _, kind := range []struct {
		name  string
		share float64
	}{{"writes", c.Writes}, {"reads", 1 - c.Writes}} {
		switch {
		case kind.share == 0:
		case c.Rate > 0 && c.Rate*kind.share < leastPerSecond:
			return badFlag("rate", strconv.FormatFloat(c.Rate, 'g', -1, 64), fmt.Sprintf(
				"with %s of %s that is too few to tell an outage: with --faults there must be %g %s a second, or none at all",
				showShare(kind.share), kind.name, leastPerSecond, kind.name))
		case c.Rate == 0 && kind.share < leastShare:
			return badFlag("writes", showShare(c.Writes), fmt.Sprintf(
				"too few %s to tell an outage: with --faults they must be %s of the operations, or none at all",
				kind.name, showShare(leastShare)))
		}
	}
	return nil
}

// intFlag is a number and its bounds.
type intFlag struct {
	flag           string
	value, low, up int
}

func (f *intFlag) validate() error {
	if f.value < f.low || f.value > f.up {
		return badFlag(f.flag, strconv.Itoa(f.value), fmt.Sprintf("must be from %d to %d", f.low, f.up))
	}
	return nil
}

func badFlag(flag, value, want string) error {
	return fmt.Errorf("%w: --%s %s: %s", ErrConfig, flag, value, want)
}

// ParseShare reads a share: "50%" or "0.5".
func ParseShare(s string) (float64, error) {
	text, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(text, 64)
	if percent {
		v /= 100
	}
	if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
		return 0, fmt.Errorf("%w: %q is no share: write it like 50%% or 0.5, from 0%% to 100%%", ErrConfig, s)
	}
	return v, nil
}

// showShare is a share as a percentage.
func showShare(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e4, 'f', -1, 64) + "%"
}
