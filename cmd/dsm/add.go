package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newAddCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "add KEY DELTA",
		Short: "Add to a counter",
		Long: `Add adds a number, which may be negative, to a counter and prints the sum. A counter
is a variable that holds a decimal integer of 64 bits. A variable that does not
exist counts as 0.`,
		Example:           "  dsm add visits 1\n  dsm add stock -5",
		Args:              exactly("KEY", "DELTA"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			delta, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usagef("DELTA %q: must be a decimal integer of 64 bits, such as 1 or -5", args[1])
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				var trace driver.OpTrace
				sum, err := db.Add(driver.WithTrace(ctx, &trace), key, delta)
				if err != nil {
					return notCounter(ctx, db, key, err)
				}
				text := strconv.FormatInt(sum, 10)
				return s.showWrite(t.format, text, newResult(key, []byte(text), trace.Position, trace.Position))
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}
