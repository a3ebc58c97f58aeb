package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench/curve"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/outfile"
)

func newCurveCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := curve.Defaults()
	var jsonFile string
	var p profiling
	cmd := &cobra.Command{
		Use:   "curve",
		Short: "Measure curves over nodes, clients, value sizes and numbers of variables",
		Long: `Curve measures a group of three nodes, each a process, with 64 clients, 10,000
variables and values of 100 bytes. It varies one of these at a time: 1 to 9 nodes, 1
to 4096 clients, values of 8 B to 1 MiB (at most 64 MiB of them in all), 1,000 to
1,000,000 variables, and 10,000,000 on one node. Each round measures every point
once, one after the other, so that a machine whose speed drifts favours no point.
Curve shows the median of the rounds, with the least and the most, for operations
per second, latencies, a node's CPU time for each write, pauses of the garbage
collector, and memory for each variable. All ordering checks run; if one fails,
curve ends with FAIL and exit status 1. All nodes and clients share this machine and
its processors.`,
		Example: `  dsmbench curve -dimension nodes
  dsmbench curve -dimension keys -rounds 1 -json keys.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := cfg.Validate(); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if err := checkFileFlags(cmd.Flags()); err != nil {
				return err
			}
			figures, err := openJSON(jsonFile)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, figures.close()) }()
			stop, err := p.start()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			report, err := curve.Run(cmd.Context(), cfg, program.Env{Notices: stderr, Profiles: p.Profiles})
			if err != nil {
				return err
			}
			return errors.Join(figures.write(report), show(report, stdout))
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Dimension, "dimension", cfg.Dimension, "what is varied: `nodes|clients|value-size|keys|all`")
	f.Var((*share)(&cfg.Writes), "writes", "`share` of the operations that write: 50% or 0.5")
	f.DurationVar(&cfg.Duration, "duration", cfg.Duration, "measured `time` of each run")
	f.DurationVar(&cfg.Warmup, "warmup", cfg.Warmup, "`time` of load before the measurement")
	f.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "`number` of runs of each point")
	f.IntVar(&cfg.MostKeys, "most-keys", cfg.MostKeys, "largest `number` of variables to measure; 10,000,000 take several GiB and minutes to load")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed `number` of all random choices")
	f.StringVar(&jsonFile, "json", "", "write the figures of every round to `FILE`")
	p.addFlags(f)
	return cmd
}

// jsonReport is a file for a report. nil: none was asked for.
type jsonReport struct{ file *outfile.File }

// openJSON opens it before anything is measured, which takes long.
func openJSON(name string) (*jsonReport, error) {
	if name == "" {
		return nil, nil
	}
	file, err := program.OpenOutput(name)
	if err != nil {
		return nil, fmt.Errorf("%w: --json: %w", errUsage, err)
	}
	return &jsonReport{file}, nil
}

func (j *jsonReport) write(report interface{ WriteJSON(w io.Writer) error }) error {
	if j == nil {
		return nil
	}
	return report.WriteJSON(j.file)
}

func (j *jsonReport) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
