package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// settings are what the flags say.
type settings struct {
	dir      string // of the module
	accepted string // files, relative to dir
	targets  string
	jobs     int
	sample   int // 0 is all
	seed     uint64
	time     time.Duration // 0 is unlimited
	list     bool
	verbose  bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.StringVar(&s.dir, "C", ".", "`directory` of the module")
	flags.StringVar(&s.accepted, "accepted", "internal/mutants/accepted.txt", "`file` of the survivors that are accepted")
	flags.StringVar(&s.targets, "targets", "internal/mutants/targets.txt", "`file` of what is changed, and of the tests that should notice")
	flags.IntVar(&s.jobs, "jobs", max(1, runtime.NumCPU()/2), "`number` of mutants that are tried at once")
	flags.IntVar(&s.sample, "sample", 0, "`number` of mutants that are tried, chosen at random; 0 is all")
	flags.Uint64Var(&s.seed, "seed", 1, "`number` that the sample is chosen by")
	flags.DurationVar(&s.time, "time", 0, "`time` after which no further mutant is tried; 0 is unlimited")
	flags.BoolVar(&s.list, "list", false, "list the mutants and try none")
	flags.BoolVar(&s.verbose, "v", false, "also list what is killed, accepted or does not compile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.jobs < 1 || s.sample < 0 || s.time < 0 {
		return errors.New("-jobs must be at least 1, -sample and -time at least 0")
	}
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	s.dir = dir
	return s.run(ctx, flags.Args(), out)
}

// run tries the mutants of what args name.
func (s *settings) run(ctx context.Context, args []string, out io.Writer) error {
	targets, err := readTargets(filepath.Join(s.dir, s.targets), args)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return fmt.Errorf("nothing to change: name a package or file, or write targets into %s", s.targets)
	}
	accepted, err := readAccepted(filepath.Join(s.dir, s.accepted))
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()

	hunt := &hunt{settings: s, temp: temp, out: out, accepted: accepted, searched: make(map[string]bool), began: time.Now()}
	for i := range targets {
		if err := hunt.target(ctx, &targets[i]); err != nil {
			return err
		}
	}
	return hunt.verdict()
}
