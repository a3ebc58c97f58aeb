package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// appended is what append tells, as JSON.
type appended struct {
	Key      string `json:"key"`
	KeyBytes []byte `json:"key_base64,omitempty"`
	Length   int    `json:"length"`
	Version  uint64 `json:"version,string"`
	Position uint64 `json:"position,string"`
}

func newAppendCommand(s *surroundings) *cobra.Command {
	var t target
	var in input
	var when conditions
	var life lifetime
	cmd := &cobra.Command{
		Use:   "append KEY VALUE",
		Short: "Append to a variable",
		Long: `Append adds a value to the end of a variable and prints the length of the variable
from then on, in bytes. A variable that does not exist counts as empty.
` + conditionsHelp + `
` + lifetimeHelp + ` Without it, a TTL
of before stays.

` + inputHelp,
		Example:           "  dsm append log 'started;'\n  dsm append log 'seen;' --ttl 24h\n  date | dsm append log -",
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
				var trace driver.OpTrace
				length, err := db.Append(driver.WithTrace(ctx, &trace), key, value, options...)
				if err != nil {
					return aboutIf(key, err)
				}
				r := newResult(key, nil, trace.Position, trace.Position)
				return shownWrite(s.show(t.format, strconv.Itoa(length), appended{r.Key, r.KeyBytes, length, r.Version, r.Position}), r.Position)
			})
		},
	}
	t.addFlags(cmd)
	in.addFlags(cmd)
	when.addFlags(cmd)
	life.addFlags(cmd)
	return cmd
}
