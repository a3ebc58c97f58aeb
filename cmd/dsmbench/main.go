// Command dsmbench loads a group of dsm nodes and proves that what they did was
// in order. See its --help, and package bench for how it works.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/bench"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/outlive"
)

// Exit statuses.
const (
	exitPass  = 0
	exitFail  = 1 // the run failed, or could not be made
	exitUsage = 2 // the command line is wrong
)

func main() {
	outlive.IgnoreOutputSignals()
	asJSON := asksForJSON(os.Args[1:])
	said := newNotices(os.Stderr, asJSON)
	code := run(interruptible(said, asJSON), os.Args[1:], &results{notices: said, stdout: os.Stdout}, said)
	said.Flush(readerTime)
	os.Exit(code)
}

// errUsage is wrapped by errors of the command line.
var errUsage = errors.New("usage")

// errFailed says that a run was made and has not passed, which the report has
// told already.
var errFailed = errors.New("FAIL")

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand(stdout, stderr)
	cmd.SetArgs(doubleDashes(args, commandOf(cmd, args).Flags()))
	var err error
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && commandOf(cmd, args) == cmd {
		err = noArguments(cmd, args) // whatever flags follow, which are those of the command that was meant
	} else {
		err = cmd.ExecuteContext(ctx)
	}
	text := ""
	if err != nil {
		text = client.RedactArguments(withoutPrefix(err), args, errors.Is(err, errUsage))
	}
	asJSON := asksForJSON(args)
	switch {
	case err == nil:
		return exitPass
	case errors.Is(err, errFailed):
		return exitFail
	case asJSON && (errors.Is(err, errUsage) || errors.Is(err, program.ErrConfig)):
		console.Failure{Code: "usage", Message: console.OneLine(text), ExitStatus: exitUsage}.Write(stderr)
		return exitUsage
	case asJSON:
		console.Failure{Code: "failed", Message: console.OneLine(text), ExitStatus: exitFail}.Write(stderr)
		return exitFail
	case errors.Is(err, errUsage), errors.Is(err, program.ErrConfig):
		complain(stderr, "%s\nRun %s --help for all flags.", text, commandOf(cmd, args).CommandPath())
		return exitUsage
	default:
		complain(stderr, "%s", text)
		return exitFail
	}
}

// asksForJSON is wantsJSON for arguments as they were given.
func asksForJSON(args []string) bool {
	return wantsJSON(doubleDashes(args, commandOf(newCommand(io.Discard, io.Discard), args).Flags()))
}

// wantsJSON reports whether arguments, right or wrong, ask for JSON.
func wantsJSON(args []string) bool {
	wants := false
	for i, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		switch {
		case name == "--":
			return wants
		case name != "--output" && name != "-o":
			continue
		case !found && i+1 < len(args):
			value = args[i+1]
		}
		wants = value == outputJSON
	}
	return wants
}

// commandOf is the command that the arguments name.
func commandOf(cmd *cobra.Command, args []string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if len(args) > 0 && args[0] == sub.Name() {
			return sub
		}
	}
	return cmd
}

// complain tells what went wrong. The exit status tells it too, should nobody
// be there to read.
func complain(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintln(stderr, console.EscapeLines("dsmbench: "+fmt.Sprintf(format, args...)))
}

// withoutPrefix is an error's text without what only programs need to know.
func withoutPrefix(err error) string {
	text := strings.TrimPrefix(err.Error(), errUsage.Error()+": ")
	text = strings.TrimPrefix(text, program.ErrConfig.Error()+": ")
	return strings.TrimPrefix(text, "bench: ")
}

func newCommand(stdout, stderr io.Writer) *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "dsmbench",
		Short: "Load a group of dsm nodes and prove that what they did was in order",
		Long:  help(),
		Example: `  dsmbench -nodes 4 -writes 50%
  dsmbench --nodes 3 --writes 0.1 --dist zipfian --rate 5000
  dsmbench -nodes 5 --faults "kill:n2@3s+2s,pause:n3@8s+2s,registry@15s+2s" -duration 20s
  dsmbench -nodes 5 --faults random --seed 7 -duration 30m
  dsmbench -nodes 3 --workload bank --faults random -duration 2m
  dsmbench -target dsm://10.0.0.1:7000,10.0.0.2:7000 -duration 20s`,
		SilenceErrors: true, SilenceUsage: true,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if err := checkFileFlags(cmd.Flags()); err != nil {
				return err
			}
			return o.run(cmd.Context(), stdout, stderr)
		},
	}
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpCommand(newHelpCommand())
	cmd.CompletionOptions.DisableDefaultCmd = true
	o.addFlags(cmd.Flags())
	cmd.AddCommand(newChildCommand(), newJoinCommand(stdout, stderr), newHostileCommand(stdout, stderr),
		newCurveCommand(stdout, stderr), newIdleCommand(stdout, stderr), newDelaysCommand(stdout))
	cmd.InitDefaultHelpCmd()
	return cmd
}

// run makes the run and shows its report.
func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	stop, err := o.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if o.output == outputTable {
		if _, err := fmt.Fprintln(stdout, o.cfg.SetUp()); err != nil {
			return fmt.Errorf("stdout cannot be written, so the report would be lost: nothing was started: %w", err)
		}
	}
	said := &notices{w: stderr, asJSON: o.output == outputJSON}
	defer said.flush()
	env := program.Env{Notices: said, Profiles: o.Profiles}
	if console.Width(stderr) > 0 && !said.asJSON {
		env.Progress = console.File(stderr)
	}
	report, err := bench.Run(ctx, o.cfg, env)
	if err != nil {
		return err
	}
	if o.output == outputJSON {
		err = report.WriteJSON(stdout)
	} else {
		err = report.WriteTables(stdout, console.Width(stdout))
	}
	if err == nil && !report.Pass {
		err = errFailed
	}
	return err
}
