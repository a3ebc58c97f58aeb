package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench/cluster"
)

// newChildCommand is what dsmbench starts itself with for --processes.
func newChildCommand() *cobra.Command {
	return &cobra.Command{
		Use:                cluster.ChildCommand,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cluster.Child(args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}
