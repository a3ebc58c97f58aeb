package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench/idle"
	"github.com/seed-8247e700/dsm/bench/program"
)

func newIdleCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := idle.Defaults()
	var p profiling
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Show what idle nodes use",
		Long: `Idle starts a registry and nodes, each a process, without any load, and shows the
CPU time and the memory that each node uses. It ends with PASS, or with FAIL and
exit status 1 if a node uses 1% of a core or 40 MiB. It needs Linux, which reports
both.`,
		Example: "  dsmbench idle -duration 30s",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := cfg.Validate(); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if err := checkFileFlags(cmd.Flags()); err != nil {
				return err
			}
			stop, err := p.start()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			report, err := idle.Run(cmd.Context(), cfg, program.Env{Notices: stderr, Profiles: p.Profiles})
			if err != nil {
				return err
			}
			return show(report, stdout)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&cfg.Nodes, "nodes", cfg.Nodes, "`number` of nodes")
	f.DurationVar(&cfg.Settle, "settle", cfg.Settle, "`time` between the start and the measurement")
	f.DurationVar(&cfg.Duration, "duration", cfg.Duration, "measured `time`")
	p.addFlags(f)
	return cmd
}
