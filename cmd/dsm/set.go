package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newSetCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Give a variable a value",
		Long: `Set gives a variable a value and prints its version, which is the position of
the write in the group's order. The value "-" stands for what stdin has.`,
		Example:           "  dsm set greeting hello\n  dsm set motd - < /etc/motd",
		Args:              exactly("KEY", "VALUE"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			value, err := s.value(args[1])
			if err != nil {
				return err
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				version, err := db.Set(ctx, key, value)
				if err != nil {
					return about(key, err)
				}
				return s.show(t.format, decimal(version), newResult(key, value, version, version))
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}
