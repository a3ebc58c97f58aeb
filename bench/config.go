package bench

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/client"
)

// RandomFaults stands for a schedule of faults that Seed decides.
const RandomFaults = "random"

// Config says what a run does. Its fields, and those of its Workload, have the names of
// dsmbench's flags.
type Config struct {
	load.Workload // what clients ask for

	Nodes     int           // of the group that is started
	Duration  time.Duration // that counts
	Warmup    time.Duration // before it
	Clients   int           // sessions, spread evenly over the nodes
	Async     int           // writes that a client keeps outstanding; 0: it waits for each
	Conns     int           // connections to each node that its clients share
	Watchers  int           // clients that watch all variables; they are no part of the load
	Stuck     int           // of them, that do not read until the end
	Rate      float64       // operations a second by schedule; 0: closed loop
	Delivery  string        // Safe or Agreed
	Embedded  bool          // clients use the handles of the nodes in this process
	Processes bool          // nodes and registry are processes of their own
	Faults    string        // what goes wrong, as fault.Parse reads it, or RandomFaults; implies Processes
	Target    string        // DSN of a running group; empty: start one
	Keep      bool          // leave the variables in the running group

	HistFile       string // percentiles go here; empty: nowhere, and so below
	HistoryFile    string
	DeliveryLogDir string
}

// Defaults is a run of a few seconds on a group of four.
func Defaults() Config {
	return Config{
		Workload: load.Workload{
			Writes: 0.5, Strong: 0.01, Adds: 0.01, CAS: 0.01, Dels: 0.01,
			Keys: 10_000, ValueBytes: 100, Dist: load.Uniform, Seed: 1,
		},
		Nodes: 4, Duration: 5 * time.Second, Warmup: time.Second,
		Clients: 64, Conns: 1, Delivery: cluster.Safe,
	}
}

// UseWorkload has the run make a workload of the table of bench/workload, with its defaults,
// but for the flags that were given. The error wraps ErrConfig, also if one of those has no
// place in the workload.
func (c *Config) UseWorkload(name string, given func(flag string) bool) error {
	row, err := workload.Find(name)
	if err != nil {
		return err
	}
	for _, flag := range workload.Flags {
		if err := row.Refuses(flag); err != nil && given(flag) {
			return err
		}
	}
	c.Name = row.Name
	row.Apply(&c.Workload, given)
	if !given("watchers") {
		c.Watchers = row.Watchers
	}
	if row.Clients > 0 && !given("clients") {
		c.Clients = row.Clients
	}
	return nil
}

// Bounds of a Config.
const (
	maxConns    = 1024
	maxAsync    = 4096 // as many as a session of the driver may have, unless it is told otherwise
	maxWatchers = 100_000
	maxDuration = 30 * 24 * time.Hour
	maxRate     = 10_000_000

	maxFaultyDuration = 24 * time.Hour // what is kept for each second of it is bounded
)

// Validate reports the first field that makes no sense, by the name of its
// flag. The error wraps ErrConfig.
func (c *Config) Validate() error {
	if err := cmp.Or(
		program.CheckInt("nodes", c.Nodes, 1, cluster.MaxNodes),
		program.CheckInt("clients", c.Clients, 1, load.MaxClients),
		program.CheckInt("async", c.Async, 0, maxAsync),
		program.CheckInt("conns", c.Conns, 1, maxConns),
		program.CheckInt("watchers", c.Watchers, 0, maxWatchers),
		program.CheckInt("stuck", c.Stuck, 0, c.Watchers),
	); err != nil {
		return err
	}
	row, err := workload.Find(c.Name)
	if err != nil {
		return err
	}
	if err := cmp.Or(c.Workload.Validate(), row.Check(&c.Workload, c.Async)); err != nil {
		return err
	}
	if c.Duration <= 0 || c.Duration > maxDuration {
		return program.BadFlag("duration", c.Duration.String(), "must be above 0 and at most 720h")
	}
	if c.Warmup < 0 || c.Warmup > maxDuration {
		return program.BadFlag("warmup", c.Warmup.String(), "must be from 0s to 720h")
	}
	if !(c.Rate >= 0 && c.Rate <= maxRate) {
		return program.BadFlag("rate", strconv.FormatFloat(c.Rate, 'g', -1, 64),
			fmt.Sprintf("must be from 1 to %d operations a second, or 0 for no schedule", maxRate))
	}
	return c.validateChoices()
}

func (c *Config) validateChoices() error {
	switch {
	case c.Delivery != cluster.Safe && c.Delivery != cluster.Agreed:
		return program.BadFlag("delivery", c.Delivery, "must be safe or agreed")
	case c.Target != "" && (c.QuotaBytes != 0 || c.QuotaVariables != 0):
		return fmt.Errorf("%w: --workload %s needs a group with a quota that the run knows: leave --target out", program.ErrConfig, c.Name)
	case c.Embedded && c.Processes:
		return fmt.Errorf("%w: --embedded needs the nodes in this process, --processes puts them elsewhere: leave one out", program.ErrConfig)
	case c.Keep && c.Target == "":
		return fmt.Errorf("%w: --keep leaves variables in a running group: give one with --target", program.ErrConfig)
	case c.Faults != "" && c.Embedded:
		return fmt.Errorf("%w: --faults needs the nodes in processes of their own, --embedded puts them into this one: leave one out", program.ErrConfig)
	case c.Faults != "" && c.Target != "":
		return fmt.Errorf("%w: --faults breaks a group that the run starts, --target uses one that runs already: leave one out", program.ErrConfig)
	case c.Faults != "" && !cluster.CanBreak:
		return fmt.Errorf("%w: --faults needs a Unix system", program.ErrConfig)
	case c.Faults != "" && c.Duration > maxFaultyDuration:
		return program.BadFlag("duration", c.Duration.String(), "must be at most 24h with --faults")
	case c.Target != "" && (c.Embedded || c.Processes):
		return fmt.Errorf("%w: --target uses a running group, --embedded and --processes start one: leave one out", program.ErrConfig)
	}
	if c.Target != "" {
		if _, err := client.ParseDSN(c.Target); err != nil {
			return fmt.Errorf("%w: --target: %w", program.ErrConfig, err)
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
			return program.BadFlag("rate", strconv.FormatFloat(c.Rate, 'g', -1, 64), fmt.Sprintf(
				"with %s of %s that is too few to tell an outage: with --faults there must be %g %s a second, or none at all",
				program.ShowShare(kind.share), kind.name, leastPerSecond, kind.name))
		case c.Rate == 0 && kind.share < leastShare:
			return program.BadFlag("writes", program.ShowShare(c.Writes), fmt.Sprintf(
				"too few %s to tell an outage: with --faults they must be %s of the operations, or none at all",
				kind.name, program.ShowShare(leastShare)))
		}
	}
	return nil
}

// hasReads and hasWrites tell whether a load has such operations at all.
func (c *Config) hasReads() bool  { return c.Writes < 1 }
func (c *Config) hasWrites() bool { return c.Writes > 0 }
