package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// counted is what count prints as JSON.
type counted struct {
	Count    int    `json:"count"`
	Position uint64 `json:"position,string"`
}

func newCountCommand(s *surroundings) *cobra.Command {
	var t target
	var v selection
	cmd := &cobra.Command{
		Use:   "count [PREFIX]",
		Short: "Count variables",
		Long: `Count prints how many variables there are whose keys begin with PREFIX, or lie
between --from and --to; without both, how many there are. It counts at one
position, which -o json prints; --at chooses one, as in scan.`,
		Example:           "  dsm count\n  dsm count user/\n  dsm count --from user/100 --to user/200",
		Args:              optional,
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := v.options(cmd, args)
			if err != nil {
				return err
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				var trace driver.OpTrace
				n, err := db.Count(driver.WithTrace(ctx, &trace), options...)
				if err != nil {
					return v.explain(ctx, cmd, err)
				}
				return s.show(t.format, decimal(uint64(n)), counted{n, trace.Position})
			})
		},
	}
	t.addFlags(cmd)
	v.addFlags(cmd)
	return cmd
}
