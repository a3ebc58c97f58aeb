package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newGetCommand(s *surroundings) *cobra.Command {
	var t target
	strong := false
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a variable",
		Long: `Get prints the value of a variable as it is, and a newline only on a terminal.
The value comes from the server's own replica, which may be behind the group by
as much as it takes a write to travel; with --strong it is at or after every
write that anybody had been told of, and costs as much as one.`,
		Example:           "  dsm get greeting\n  dsm get greeting --strong -o json",
		Args:              exactly("KEY"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				return s.get(ctx, db, t.format, args[0], strong)
			})
		},
	}
	t.addFlags(cmd)
	cmd.Flags().BoolVar(&strong, "strong", false, "read linearizably")
	return cmd
}

func (s *surroundings) get(ctx context.Context, db *driver.DB, f format, key string, strong bool) error {
	var options []driver.ReadOption
	if strong {
		options = append(options, driver.Strong)
	}
	var trace driver.OpTrace
	value, err := db.Get(driver.WithTrace(ctx, &trace), key, options...)
	if err != nil {
		return about(key, err)
	}
	switch {
	case f.output == formatJSON:
		if value.Data == nil {
			value.Data = []byte{}
		}
		return s.show(f, "", newResult(key, value.Data, value.Version, trace.Position))
	case s.onDisplay:
		return s.show(f, string(value.Data), nil)
	default:
		_, err = s.stdout.Write(value.Data)
		return err
	}
}
