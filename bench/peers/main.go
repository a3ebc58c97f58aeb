// Command peers measures dsm beside other stores on this machine, in turns, under
// the same loads, and prints who is ahead and by how much. See the README beside it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
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
	cfg         compare.Config
	serverProcs int
	out         outputs
	from        string
	list        bool
}

// errUsage is wrapped by errors of the command line.
var errUsage = errors.New("usage")

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == cluster.ChildCommand {
		signal.Ignore(os.Interrupt) // the parent sees to it
		return status(systems.Child(args[1:], os.Stdin, stdout), stderr)
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
	o := &options{cfg: compare.Config{Notices: stderr, Proc: os.DirFS("/proc")}}
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.cfg.Rounds, "rounds", 3, "`number` of turns of each system")
	f.DurationVar(&o.cfg.Duration, "duration", 3*time.Second, "`time` of a point that counts")
	f.DurationVar(&o.cfg.Warmup, "warmup", time.Second, "`time` before it that does not")
	f.DurationVar(&o.cfg.Condition, "condition", 4*time.Second, "`time` of load on a system before its first point")
	f.DurationVar(&o.cfg.Watch, "watch", 3*time.Second, "`time` to watch the idle machine before the first round; 0: do not")
	f.Uint64Var(&o.cfg.Seed, "seed", 1, "`number` that the choice of keys comes from")
	f.IntVar(&o.serverProcs, "server-procs", 0, "GOMAXPROCS of each server of dsm, etcd and NATS; 0: 1 for dsm's, the default for the others (`number`)")
	only := f.String("only", "", "measure the points whose name, row/system, this `regexp` matches")
	aims := f.String("aims", "", "judge by the aims in `FILE` too (for developers: aims.json)")
	f.StringVar(&o.out.json, "json", "", "write everything that was measured to `FILE`")
	f.StringVar(&o.out.markdown, "markdown", "", "write the report to `FILE`")
	f.StringVar(&o.out.update, "update", "", "replace the block of the report in `FILE`, a Markdown document")
	f.StringVar(&o.from, "from", "", "measure nothing: report what -json has written to `FILE`")
	f.BoolVar(&o.list, "list", false, "list the points and measure nothing")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%w: unexpected argument %q: peers takes only flags", errUsage, f.Arg(0))
	}
	return o, o.complete(*only, *aims)
}

// complete reads what flags name and checks the rest.
func (o *options) complete(only, aims string) (err error) {
	if o.cfg.Only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("%w: -only: %w", errUsage, err)
	}
	if aims != "" {
		if o.cfg.Aims, err = compare.ReadAims(aims); err != nil {
			return fmt.Errorf("%w: -aims: %w", errUsage, err)
		}
	}
	switch {
	case len(compare.Points(o.cfg.Only, o.cfg.Aims)) == 0:
		return fmt.Errorf("%w: -only %s matches no point: -list names them, and with -aims those of limits too", errUsage, only)
	case o.cfg.Rounds < 1:
		return fmt.Errorf("%w: -rounds %d: must be 1 or more", errUsage, o.cfg.Rounds)
	case o.cfg.Duration <= 0 || o.cfg.Warmup < 0 || o.cfg.Condition < 0 || o.cfg.Watch < 0:
		return fmt.Errorf("%w: -duration must be above 0, -warmup, -condition and -watch not below", errUsage)
	case o.serverProcs < 0:
		return fmt.Errorf("%w: -server-procs %d: must be 0 or more", errUsage, o.serverProcs)
	case o.list && o.from != "":
		return fmt.Errorf("%w: -list and -from exclude one another", errUsage)
	}
	return nil
}

// errIncomplete says that the table has gaps.
var errIncomplete = errors.New("something could not be measured: see above")

// run measures, or reads what was measured, and shows it.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) error {
	if o.list {
		for _, name := range compare.Points(o.cfg.Only, o.cfg.Aims) {
			if _, err := fmt.Fprintln(stdout, name); err != nil {
				return err
			}
		}
		return nil
	}
	if err := o.out.check(); err != nil {
		return err
	}
	var report *compare.Report
	var err error
	if o.from != "" {
		report, err = compare.Read(o.from)
	} else {
		report, err = o.measure(ctx, stderr)
	}
	if report == nil || len(report.Measurements) == 0 {
		return err
	}
	err = errors.Join(err, o.out.write(report, o.cfg.Aims, stdout))
	if report.Failed() {
		err = errors.Join(err, errIncomplete)
	}
	return err
}

// measure measures everything.
func (o *options) measure(ctx context.Context, stderr io.Writer) (_ *compare.Report, err error) {
	if _, err := fmt.Fprintf(stderr, "This takes about %v, and the first time some minutes more, since what is missing is built and installed.\n"+
		"Let nothing else run on the machine meanwhile.\n", o.cfg.Estimate().Round(time.Minute/6)); err != nil {
		return nil, err
	}
	dir, err := proc.NewDir()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	return compare.Run(ctx, o.cfg, systems.Env{Dir: dir, Programs: proc.NewPrograms(dir, stderr), ServerProcs: o.serverProcs})
}
