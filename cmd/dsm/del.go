package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newDelCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:               "del KEY",
		Short:             "Delete a variable",
		Long:              `Del deletes a variable and prints the position of the delete in the group's order.`,
		Example:           "  dsm del greeting",
		Args:              exactly("KEY"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				position, err := db.Delete(ctx, key)
				if err != nil {
					return about(key, err)
				}
				return s.showWrite(t.format, decimal(position), newResult(key, nil, position, position))
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}
