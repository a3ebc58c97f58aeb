package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// selection is what scan and count look at: a range of keys, at a position.
type selection struct {
	keyRange
	at uint64
}

func (v *selection) addFlags(cmd *cobra.Command) {
	v.keyRange.addFlags(cmd, "from", "to")
	cmd.Flags().Uint64Var(&v.at, "at", 0, "show the state at this `position` of the past, such as the version that a write printed (default: now)")
}

// options are the same for the driver.
func (v *selection) options(cmd *cobra.Command, args []string) ([]driver.ScanOption, error) {
	prefix := ""
	if len(args) > 0 {
		prefix = args[0]
	}
	keys, err := v.option(cmd, "PREFIX", prefix, len(args) > 0)
	if err != nil {
		return nil, err
	}
	options := []driver.ScanOption{keys}
	if cmd.Flags().Changed("at") {
		options = append(options, driver.At(v.at))
	}
	return options, nil
}

// explain says what the errors of a scan mean.
func (v *selection) explain(ctx context.Context, cmd *cobra.Command, err error) error {
	late := ctx.Err() != nil && !errors.Is(context.Cause(ctx), errInterrupted)
	switch at := cmd.Flags().Changed("at"); {
	case errors.Is(err, driver.ErrSnapshotGone) && at:
		return saying(err, "the state at position %d is not kept any more: no server goes back that far; see dsm server --watch-history", v.at)
	case errors.Is(err, driver.ErrSnapshotGone):
		return saying(err, "the scan took so long that no server keeps the state at its position any more; begin again, or see dsm server --watch-history")
	case errors.Is(err, driver.ErrUnavailable) && at && late:
		return fmt.Errorf("no state at position %d: the group may not have come there yet: %w", v.at, err)
	}
	return err
}

// scanFlags are the flags of dsm scan.
type scanFlags struct {
	target
	selection
	limit             int
	reverse, keysOnly bool
}

func newScanCommand(s *surroundings) *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [PREFIX]",
		Short: "Print variables with their values",
		Long: `Scan prints the variables whose keys begin with PREFIX, or lie between --from and
--to, in the order of the bytes of their keys: each with its version and its value.
Without both it prints all variables. All lines show the state at one position,
which -o json prints.

On a terminal, characters of values that are not printable are escaped. To a file or
a pipe values are written unchanged: use -o json for values that may have line
breaks. Keys are always escaped.

--at shows the state at a position of the past. Servers keep the latest states only
(dsm server --watch-history); if the state is gone, the exit status is 8. --timeout
bounds the time without progress, not that of the whole scan.`,
		Example:           "  dsm scan limits/\n  dsm scan --from user/100 --to user/200 --limit 10\n  dsm scan limits/ --at 1764388251000123 -o json",
		Args:              optional,
		ValidArgsFunction: f.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, s, args)
		},
	}
	f.target.addFlags(cmd)
	f.selection.addFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.limit, "limit", 0, "maximum `number` of variables to print (default: all)")
	flags.BoolVar(&f.reverse, "reverse", false, "begin with the last key")
	flags.BoolVar(&f.keysOnly, "keys-only", false, "print only the keys, one per line; in JSON, leave the values out")
	f.completeFlags(cmd, "from", "to")
	return cmd
}

func (f *scanFlags) run(cmd *cobra.Command, s *surroundings, args []string) error {
	options, err := f.options(cmd, args)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("limit") {
		if f.limit <= 0 {
			return usagef("--limit %d: must be above 0; leave it out to print all", f.limit)
		}
		options = append(options, driver.Limit(f.limit))
	}
	if f.reverse {
		options = append(options, driver.Reverse)
	}
	if f.keysOnly {
		options = append(options, driver.KeysOnly)
	}
	ctx, stall, stop := f.stalling(cmd.Context())
	defer stop()
	return f.within(ctx, s, func(ctx context.Context, db *driver.DB) error {
		p := f.printer(s)
		err := scan(ctx, db, options, stall, p)
		if err = f.selection.explain(ctx, cmd, err); err != nil && p.count() > 0 {
			return fmt.Errorf("the scan failed after %d variables: %w", p.count(), err)
		}
		return err
	})
}

// scan prints what a scan returns.
func scan(ctx context.Context, db *driver.DB, options []driver.ScanOption, stall *stall, p variablePrinter) error {
	var trace driver.OpTrace
	for item, err := range db.Scan(driver.WithTrace(ctx, &trace), options...) {
		if err != nil {
			return errors.Join(err, p.flush(trace.Position))
		}
		if err := stall.progress(func() error { return p.variable(trace.Position, &item) }); err != nil {
			return err
		}
	}
	return p.end(trace.Position)
}
