package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

// Formats of the report.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// options is all that the command line says.
type options struct {
	cfg    bench.Config
	output string
	profiling
}

// addFlags defines the flags, with the defaults of the bench package.
func (o *options) addFlags(f *pflag.FlagSet) {
	o.cfg = bench.Defaults()
	c := &o.cfg
	f.SortFlags = false
	f.IntVar(&c.Nodes, "nodes", c.Nodes, "`number` of nodes to start")
	f.StringVar(&c.Name, "workload", workload.Mixed, "`name` of what clients ask for, and what must hold: see above")
	f.Var((*share)(&c.Writes), "writes", "`share` of the operations that write: 50% or 0.5")
	f.DurationVar(&c.Duration, "duration", c.Duration, "measured `time`")
	f.DurationVar(&c.Warmup, "warmup", c.Warmup, "`time` of load before the measurement")
	f.IntVar(&c.Clients, "clients", c.Clients, "`number` of clients with one session each, spread evenly over the nodes")
	f.IntVar(&c.Async, "async", c.Async, "`number` of asynchronous writes that each client keeps outstanding; latency counts from issue to acknowledgement, and reads wait for them (0: a client waits for each write)")
	f.IntVar(&c.Conns, "conns", c.Conns, "`number` of connections to each node that its clients share")
	f.IntVar(&c.Watchers, "watchers", c.Watchers, "`number` of clients that watch all variables of the run; each must see every change once, in order")
	f.IntVar(&c.Stuck, "stuck", c.Stuck, "`number` of watchers that do not read until the end")
	f.IntVar(&c.Keys, "keys", c.Keys, "`number` of variables")
	f.Var((*console.ByteSize)(&c.ValueBytes), "value-size", "`size` of a value, such as 4KiB")
	f.DurationVar(&c.TTL, "ttl", c.TTL, "`time` after which variables expire, with --workload ttl (default 1s)")
	f.BoolVar(&c.AtOnce, "at-once", c.AtOnce, "with --workload ttl: all variables expire at the same time")
	f.Var(console.Quota{To: &c.QuotaBytes, Bytes: true}, "quota-bytes", "largest `size` of keys and values of all variables together, such as 500MiB, or none; writes that it forbids are counted, and are no errors (default 4GiB)")
	f.Var(console.Quota{To: &c.QuotaVariables}, "quota-variables", "largest `number` of variables, or none (default 10000000, or 500 with --workload fill)")
	f.StringVar(&c.Dist, "dist", c.Dist, "how variables are chosen: `uniform|zipfian`")
	f.Float64Var(&c.Rate, "rate", c.Rate, "open loop: `number` of operations per second; latency counts from when an operation was due (0: closed loop)")
	f.Var((*share)(&c.Strong), "strong", "`share` of the reads that are strong")
	f.Var((*share)(&c.Adds), "adds", "`share` of the writes that add to counters")
	f.Var((*share)(&c.CAS), "cas", "`share` of the writes that compare and set")
	f.Var((*share)(&c.Dels), "dels", "`share` of the writes that delete")
	f.StringVar(&c.Delivery, "delivery", c.Delivery, "`safe|agreed`: agreed acknowledges a write one round trip earlier, but a lost node may have answered clients with an order that the survivors do not share")
	f.BoolVar(&c.Embedded, "embedded", c.Embedded, "clients use the handles of the nodes in this process, not TCP")
	f.BoolVar(&c.Processes, "processes", c.Processes, "each node and the registry is a process of its own")
	f.StringVar(&c.Faults, "faults", "", "`SCHEDULE` of faults, such as \"kill:n2@3s+2s,cut:n1-n3@8s+3s\" (see above), or random to draw one from --seed; implies --processes")
	f.StringVar(&c.Target, "target", c.Target, "`DSN` of a running group, such as dsm://127.0.0.1:7000, to use instead of starting one; dsmbench uses variables whose names begin with dsmbench-, and deletes them at the end")
	f.BoolVar(&c.Keep, "keep", c.Keep, "with --target: leave the run's variables in the group")
	f.Uint64Var(&c.Seed, "seed", 0, "seed `number` of all random choices (0: from the clock)")
	f.StringVarP(&o.output, "output", "o", outputTable, "report as `table|json`")
	f.StringVar(&c.HistFile, "hist", "", "write HdrHistogram percentiles in ms to `FILE`, and for each kind of operation to FILE.get, FILE.set and so on")
	f.StringVar(&c.HistoryFile, "history", "", "write the operations of clients and their results to `FILE`, one JSON object per line")
	f.StringVar(&c.DeliveryLogDir, "delivery-log", "", "write the deliveries of each node to NODE.jsonl in `DIR`, one JSON object per line; DIR must not have such files yet")
	o.profiling.addFlags(f)
}

// check completes what the flags left open, and finds what contradicts.
func (o *options) check(f *pflag.FlagSet) error {
	if o.output != outputTable && o.output != outputJSON {
		return fmt.Errorf("--output %s: must be table or json", o.output)
	}
	if err := o.cfg.UseWorkload(o.cfg.Name, f.Changed); err != nil {
		return err
	}
	o.cfg.Target = client.TrimAddress(o.cfg.Target)
	if f.Changed("target") && o.cfg.Target == "" {
		return errors.New("--target is empty: give the DSN of a group, such as dsm://127.0.0.1:7000")
	}
	if f.Changed("faults") && o.cfg.Faults == "" {
		return errors.New("--faults is empty: give a schedule, such as kill:n2@3s+2s, or random")
	}
	if o.cfg.Target != "" {
		for _, name := range []string{"nodes", "delivery", "quota-bytes", "quota-variables"} {
			if f.Changed(name) {
				return fmt.Errorf("--%s is set by the running group: leave it out with --target", name)
			}
		}
	}
	if o.cfg.Embedded && f.Changed("conns") {
		return errors.New("--conns: embedded handles have no connections; leave it out with --embedded")
	}
	if o.cfg.Seed == 0 {
		o.cfg.Seed = uint64(time.Now().UnixNano()) ^ uint64(os.Getpid())<<40
	}
	return o.cfg.Validate()
}

// share is a flag that reads 50% and 0.5 alike.
type share float64

// String shows the share as it may be written.
func (s *share) String() string {
	return strconv.FormatFloat(float64(*s)*100, 'f', -1, 64) + "%"
}

// Set reads it.
func (s *share) Set(text string) error {
	v, err := program.ParseShare(text)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), program.ErrConfig.Error()+": "))
	}
	*s = share(v)
	return nil
}

// Type names it in the help.
func (s *share) Type() string { return "share" }
