// Command peers measures dsm beside other stores on this machine, in turns, under
// the same loads, and prints how they compare with what dsm aims at. See the
// README beside it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/compare"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// Exit statuses.
const (
	exitDone  = 0
	exitFail  = 1 // something could not be measured
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once, and its children with it.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // main exits
}

// options is what the command line says.
type options struct {
	cfg  compare.Config
	json string
	list bool
}

// errUsage is wrapped by errors of the command line.
var errUsage = errors.New("usage")

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == systems.ChildCommand {
		signal.Ignore(os.Interrupt) // the parent sees to it
		return status(systems.Child(args[1:]), stderr)
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err == nil {
		err = o.run(ctx, stdout, stderr)
	}
	return status(err, stderr)
}

func status(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	_, _ = fmt.Fprintf(stderr, "peers: %v\n", err) // the status tells it too
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFail
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{cfg: compare.Config{Notices: stderr}}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.cfg.Rounds, "rounds", 3, "`number` of turns of each system")
	f.DurationVar(&o.cfg.Duration, "duration", 3*time.Second, "`time` of a point that counts")
	f.DurationVar(&o.cfg.Warmup, "warmup", time.Second, "`time` before it that does not")
	f.DurationVar(&o.cfg.Condition, "condition", 4*time.Second, "`time` of load on a system before its first point")
	f.Uint64Var(&o.cfg.Seed, "seed", 1, "`number` that the choice of keys comes from")
	only := f.String("only", "", "measure the points whose name, row/system, this `regexp` matches, and those that they need")
	f.StringVar(&o.json, "json", "", "write everything that was measured to `FILE`")
	f.BoolVar(&o.list, "list", false, "list the points and measure nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	var err error
	o.cfg.Only, err = regexp.Compile(*only)
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("%w: %q is no flag, and there are no other arguments", errUsage, f.Arg(0))
	case err != nil:
		return nil, fmt.Errorf("%w: -only: %w", errUsage, err)
	case len(compare.Points(o.cfg.Only)) == 0:
		return nil, fmt.Errorf("%w: -only %s matches no point: -list names them", errUsage, *only)
	case o.cfg.Rounds < 1:
		return nil, fmt.Errorf("%w: -rounds %d: must be 1 or more", errUsage, o.cfg.Rounds)
	case o.cfg.Duration <= 0 || o.cfg.Warmup < 0 || o.cfg.Condition < 0:
		return nil, fmt.Errorf("%w: -duration must be above 0, -warmup and -condition not below", errUsage)
	}
	return o, nil
}

// errIncomplete says that the table has gaps.
var errIncomplete = errors.New("something could not be measured: see above")

// run measures and shows.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if o.list {
		for _, name := range compare.Points(o.cfg.Only) {
			if _, err := fmt.Fprintln(stdout, name); err != nil {
				return err
			}
		}
		return nil
	}
	dir, err := proc.NewDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	setUp := compare.SetUp(o.cfg)
	if _, err := fmt.Fprintln(stdout, setUp); err != nil {
		return err
	}
	done, err := compare.Run(ctx, o.cfg, systems.Env{Dir: dir, Programs: proc.NewPrograms(dir, stderr)})
	if len(done) == 0 {
		return err
	}
	comparisons := compare.Compare(done)
	err = errors.Join(err, compare.WriteTable(stdout, comparisons))
	if o.json != "" {
		err = errors.Join(err, writeJSON(o.json, setUp, done, comparisons))
	}
	for _, m := range done {
		if m.Error != "" && !m.Unable {
			return errors.Join(err, errIncomplete)
		}
	}
	return err
}

// writeJSON keeps everything for other programs.
func writeJSON(path, setUp string, done []compare.Measurement, comparisons []compare.Comparison) error {
	content, err := json.MarshalIndent(struct {
		SetUp        string                `json:"set_up"`
		Measurements []compare.Measurement `json:"measurements"`
		Comparisons  []compare.Comparison  `json:"comparisons"`
	}{setUp, done, comparisons}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
