package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// watchFlags are the flags of dsm watch.
type watchFlags struct {
	target
	keyRange
	prefix       string
	from         uint64
	initial, old bool
	interval     time.Duration
	count        int
	exec         string
}

func newWatchCommand(s *surroundings) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch [KEY]",
		Short: "Print the changes of variables as they happen",
		Long: `Watch prints the changes of a variable, of the variables whose keys begin with
--prefix, or of those between --from-key and --to-key; without these, of all. Each
change is a line with its position in the group's order, what happened (put, delete,
expire), the key, and the value; with -o json, it is an object on a line. It prints
each change once, in order, also when servers fail, until a signal ends it.

A watch begins now, or with --from after a position. With --initial it prints first
the variables that exist (initial), all at one position, and then a line "synced".
Servers keep the latest changes only (dsm server --watch-history). If the next change
is not kept any more, since the watch began too late or its output is read too slowly,
the exit status is 8.

--exec runs a shell command for each change and each initial variable, in place of
printing it, one at a time. The command has DSM_EVENT, DSM_KEY, DSM_POSITION and the
--dsn as DSM_DSN in its environment, and the value on stdin. It has the value also as
DSM_VALUE, and with --old that of before as DSM_OLD, unless the value is longer than
64 KiB or has a zero byte; a key with a zero byte is in DSM_KEY_BASE64 instead. If a
command fails, the watch ends with status 1 and says how to continue; write "CMD ||
true" to go on after a failure.

On a terminal, characters that are not printable are escaped. To a file or a pipe
values are written unchanged: use -o json for values that may have line breaks.
If nothing reads the output any more, the next line ends the watch: --progress bounds
when that comes. --timeout bounds the time until the watch begins.`,
		Example: "  dsm watch limits/rate --initial\n  dsm watch --prefix limits/ -o json\n" +
			"  dsm watch config --initial --exec 'cat > app.conf && pkill -HUP app'\n  dsm watch job/7 --count 1 # wait for a change",
		Args:              optional,
		ValidArgsFunction: f.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, s, args)
		},
	}
	f.target.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "prefix", "", "watch the variables whose keys begin with `TEXT`")
	f.keyRange.addFlags(cmd, "from-key", "to-key")
	flags.Uint64Var(&f.from, "from", 0, "begin after this `position`, such as that of the last line of an earlier watch (default: now)")
	flags.BoolVar(&f.initial, "initial", false, "begin with the variables that exist")
	flags.BoolVar(&f.old, "old", false, "print the value before each change, too")
	flags.DurationVar(&f.interval, "progress", 0, "print a line with the position after this `time` without changes, at least 1s (default: never)")
	flags.IntVar(&f.count, "count", 0, "end with status 0 after this `number` of changes, initial variables not counted (default: never)")
	flags.StringVar(&f.exec, "exec", "", "run the shell command `CMD` for each change instead of printing it")
	f.completeFlags(cmd, "prefix", "from-key", "to-key")
	return cmd
}

// options returns what the flags say, for the driver, but for where the watch begins now.
func (f *watchFlags) options(cmd *cobra.Command, args []string) ([]driver.WatchOption, error) {
	changed := cmd.Flags().Changed
	keys, err := f.option(cmd, "--prefix", f.prefix, changed("prefix"))
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		if changed("prefix") || f.changed(cmd) {
			return nil, usagef("KEY cannot be combined with --prefix, --from-key and --to-key: watch one variable, or many")
		}
		if n := len(args[0]); n == 0 || n > wire.MaxKeyBytes || args[0][0] == 0 {
			return nil, about(args[0], driver.ErrInvalidKey)
		}
		keys = driver.Key(args[0])
	}
	options := []driver.WatchOption{keys}
	switch {
	case f.initial && changed("from"):
		return nil, usagef("--initial cannot be combined with --from: a watch begins with what exists, or after a position")
	case changed("progress") && f.interval < time.Second:
		return nil, usagef("--progress %v: must be at least 1s", f.interval)
	case changed("count") && f.count <= 0:
		return nil, usagef("--count %d: must be above 0; leave it out to watch until a signal", f.count)
	}
	if f.initial {
		options = append(options, driver.Initial)
	}
	if f.old {
		options = append(options, driver.WithOld)
	}
	if changed("progress") {
		options = append(options, driver.Progress(f.interval))
	}
	return options, refuseEmpty(cmd.Flags(), "exec")
}

// run watches until something ends it.
func (f *watchFlags) run(cmd *cobra.Command, s *surroundings, args []string) error {
	options, err := f.options(cmd, args)
	if err != nil {
		return err
	}
	name, _, err := f.parse()
	if err != nil {
		return err
	}
	w := &watching{events: f.printer(s, name), count: f.count}
	if w.position, err = f.begin(cmd, s); err != nil {
		return err
	}
	if f.initial {
		w.position = 0 // nothing was shown
	} else {
		options = append(options, driver.From(w.position))
	}
	// Once a watch has begun, it goes on through the loss of all servers.
	db, err := driver.Open(name)
	if err != nil {
		return &usageError{err}
	}
	err = w.run(cmd.Context(), db.Watch(cmd.Context(), options...))
	if closeErr := db.Close(); closeErr != nil {
		s.complain("closing the connection: %s", plain(closeErr))
	}
	return err
}

// begin returns the position after which the watch begins, within the time for it, once a
// server has come there.
func (f *watchFlags) begin(cmd *cobra.Command, s *surroundings) (position uint64, err error) {
	err = f.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
		var trace driver.OpTrace
		// What is counted does not matter, as long as it is little.
		options := []driver.ScanOption{driver.Key("dsm")}
		after := cmd.Flags().Changed("from")
		if after {
			options = append(options, driver.At(f.from))
		}
		_, err := db.Count(driver.WithTrace(ctx, &trace), options...)
		switch position = trace.Position; {
		case after && (err == nil || errors.Is(err, driver.ErrSnapshotGone)):
			position = f.from // another server may keep it, which the watch finds out
			return nil
		case after && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return fmt.Errorf("no changes after position %d: the group may not have come there yet: %w", f.from, err)
		}
		return err
	})
	return position, err
}

// watching is a watch under way.
type watching struct {
	events   eventSink
	count    int    // of changes to come; 0: no end
	position uint64 // everything up to it was shown; 0: not all that exists
}

// run takes events until the watch ends, or count changes were shown.
func (w *watching) run(ctx context.Context, events func(func(driver.Event, error) bool)) error {
	for event, err := range events {
		if err == nil {
			err = w.events.event(ctx, &event)
		}
		if err != nil {
			return w.explain(ctx, err)
		}
		if event.Last {
			w.position = event.Position
		}
		if isChange(event.Kind) && w.count > 0 {
			if w.count--; w.count == 0 {
				return nil
			}
		}
	}
	return nil
}

func isChange(k driver.EventKind) bool {
	return k == driver.EventPut || k == driver.EventDelete || k == driver.EventExpire
}

// explain says why a watch has ended, and how to go on.
func (w *watching) explain(ctx context.Context, err error) error {
	var lagged *driver.LaggedError
	var failed *commandError
	switch {
	case errors.Is(context.Cause(ctx), errInterrupted) && w.position == 0:
		return context.Cause(ctx)
	case errors.Is(context.Cause(ctx), errInterrupted):
		return fmt.Errorf("%w; continue with --from %d", context.Cause(ctx), w.position)
	case errors.As(err, &lagged) && lagged.Oldest > 0:
		return saying(err, "changes after position %d are not kept any more, only those after %d: begin again with --initial; see dsm server --watch-history", w.position, lagged.Oldest)
	case errors.As(err, &lagged):
		return saying(err, "changes after position %d are not kept any more: begin again with --initial; see dsm server --watch-history", w.position)
	case errors.As(err, &failed) && w.position > 0:
		return fmt.Errorf("%w; continue with --from %d, which runs it again", err, w.position)
	case errors.Is(err, driver.ErrGeneration):
		return fmt.Errorf("%w; begin again with --initial", err)
	}
	return err
}
