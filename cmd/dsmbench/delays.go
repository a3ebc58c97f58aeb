package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/sim/delays"
)

func newDelaysCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "delays",
		Short: "Show what the order costs in message delays, messages and bytes, by simulation",
		Long: `Delays runs the protocol cores of groups of 1 to 32 members in virtual time, on
links with the delays of a LAN, of zones and of a WAN. It shows how many delays a
write takes with agreed and with safe delivery. It also shows how many messages,
bytes and writes to links all members together need for a write. The results do not
depend on this machine. The command needs a few minutes of one core.`,
		Example: "  dsmbench delays",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(stdout, "safe: from submission to safe delivery at the same member; agreed: the same with agreed delivery, p50; others: from submission to safe delivery at each other member")
			if err != nil {
				return err
			}
			return delays.WriteTables(stdout, delays.Sizes())
		},
	}
}
