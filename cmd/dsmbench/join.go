package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench/join"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/console"
)

func newJoinCommand(stdout, stderr io.Writer) *cobra.Command {
	cfg := join.Defaults()
	cmd := &cobra.Command{
		Use:   "join",
		Short: "Let a node join a full group under load, and show the cost",
		Long: `Join starts a registry and nodes, each a process, and fills the group with
variables. While clients write without pause, one more node joins. Join shows the
rate of acknowledged writes and the members' live heaps over time. It ends with
PASS, or with FAIL and exit status 1. Every node holds all variables: 1GiB and three
members need at least 8 GiB of free memory.`,
		Example: "  dsmbench join -size 1GiB -value-size 4KiB -clients 16",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			report, err := join.Run(cmd.Context(), cfg, program.Env{Notices: stderr})
			if err != nil {
				return err
			}
			return show(report, stdout)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var((*console.ByteSize)(&cfg.Size), "size", "`size` of all values together, such as 1GiB")
	f.Var((*console.ByteSize)(&cfg.ValueBytes), "value-size", "`size` of a value, such as 4KiB")
	f.IntVar(&cfg.Nodes, "nodes", cfg.Nodes, "`number` of members before the join")
	f.IntVar(&cfg.Clients, "clients", cfg.Clients, "`number` of clients that write, with one session each")
	f.DurationVar(&cfg.Baseline, "baseline", cfg.Baseline, "`time` of the load before the join")
	f.DurationVar(&cfg.After, "after", cfg.After, "`time` of the load after the join")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed `number` for the choice of variables")
	return cmd
}
