package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

func newGetCommand(s *surroundings) *cobra.Command {
	var t target
	strong, stale := false, false
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a variable",
		Long: `Get prints the value of a variable. On a terminal it adds a newline, and escapes
control characters as in a Go string, such as \x1b. To a file or a pipe it writes
the value unchanged.

The value comes from the server's own replica, which may lag behind the group by the
time that a write needs to arrive. With --strong, the read sees every write that was
acknowledged before it began, and costs as much as a write.

A server that is cut off from its group refuses reads. With --stale it answers from
its replica anyway. The value was right at the position that is printed on stderr,
and may have changed since. Use --stale to save variables when the group cannot be
restored.`,
		Example:           "  dsm get greeting\n  dsm get greeting --strong -o json\n  dsm get greeting --stale --dsn dsm://10.0.0.2:7000",
		Args:              exactly("KEY"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			if stale && strong {
				return usagef("--stale and --strong exclude each other: a read is one or the other")
			}
			if stale {
				return t.withReplica(cmd, func(ctx context.Context, conn *client.Conn) error {
					return s.getStale(ctx, conn, t.format, args[0])
				})
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				return s.get(ctx, db, t.format, args[0], strong)
			})
		},
	}
	t.addFlags(cmd)
	cmd.Flags().BoolVar(&strong, "strong", false, "read linearizably")
	cmd.Flags().BoolVar(&stale, "stale", false, "read the replica of one server, even if it is cut off; the value may be old")
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
	return s.showValue(f, key, value.Data, value.Version, trace.Position)
}

// showValue prints the value of a variable.
func (s *surroundings) showValue(f format, key string, data []byte, version, position uint64) error {
	switch {
	case f.output == formatJSON:
		if data == nil {
			data = []byte{}
		}
		return s.show(f, "", newResult(key, data, version, position))
	case s.onDisplay:
		return s.show(f, console.EscapeLines(string(data)), nil)
	default:
		_, err := s.stdout.Write(data)
		return err
	}
}
