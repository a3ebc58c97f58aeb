package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newSetCommand(s *surroundings) *cobra.Command {
	var t target
	var in input
	var when conditions
	var life lifetime
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set a variable",
		Long: `Set gives a variable a value and prints its version, which is the position of the
write in the group's order.
` + conditionsHelp + `
` + lifetimeHelp + ` Without it and without
--keep-ttl, a TTL of before is taken away.

` + inputHelp,
		Example:           "  dsm set greeting hello\n  dsm set motd - < /etc/motd\n  hostname | dsm set host - --trim\n  dsm set leader n1 --if-absent --ttl 10s",
		Args:              exactly("KEY", "VALUE"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			options, err := life.options(&when)
			if err != nil {
				return err
			}
			value, err := in.value(cmd.Context(), s.stdin, args[1])
			if err != nil {
				return err
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				version, err := db.Set(ctx, key, value, options...)
				if err != nil {
					return aboutIf(key, err)
				}
				return s.showWrite(t.format, decimal(version), newResult(key, value, version, version))
			})
		},
	}
	t.addFlags(cmd)
	in.addFlags(cmd)
	when.addFlags(cmd)
	life.addFlags(cmd)
	life.addKeepFlag(cmd)
	return cmd
}
