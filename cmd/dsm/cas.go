package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

func newCASCommand(s *surroundings) *cobra.Command {
	var t target
	var in input
	var expected uint64
	cmd := &cobra.Command{
		Use:   "cas KEY VALUE --version N",
		Short: "Set a variable if its version has not changed",
		Long: `Cas compares and sets. Like set, it gives a variable a value, but only if the
variable still has the given version, which "dsm get -o json" prints. With --version
0, the variable must not exist. Cas prints the new version. If the version differs,
it changes nothing and exits with status 4.

` + inputHelp,
		Example:               "  dsm cas leader n1 --version 0\n  dsm cas leader n2 --version 17",
		Args:                  exactly("KEY", "VALUE"),
		ValidArgsFunction:     t.keys,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("version") {
				return usagef("--version is missing: give the version that the variable must have, 0 if it must not exist")
			}
			key := args[0]
			value, err := in.value(cmd.Context(), s.stdin, args[1])
			if err != nil {
				return err
			}
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				version, err := db.CompareAndSet(ctx, key, value, expected)
				if err != nil {
					return about(key, err)
				}
				return s.showWrite(t.format, decimal(version), newResult(key, value, version, version))
			})
		},
	}
	t.addFlags(cmd)
	in.addFlags(cmd)
	cmd.Flags().Uint64Var(&expected, "version", 0, "the `version` that the variable must have; 0: it must not exist")
	return cmd
}
