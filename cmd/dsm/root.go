package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/client"
)

// surroundings is what a command sees of the process it runs in.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	signals        <-chan os.Signal // SIGINT and SIGTERM, and what hangups adds
	attended       bool             // stdin is a terminal, at which somebody may press Ctrl-C again
	onDisplay      bool             // stdout is a terminal
	width          int              // of that terminal; 0: none, or one that shows plain text only
	asJSON         bool             // errors are to be JSON, as -o has it
	args           []string         // the command line, without the program's name

	// endedByHangup adds SIGHUP to signals, unless it is ignored as nohup has it.
	// nil: it is left alone. Commands that do not run for long call it.
	endedByHangup func()

	// hangups adds SIGHUP to signals if the process has a terminal, and otherwise
	// has stray called for it: see outlive.Hangups. nil: SIGHUP is left alone.
	hangups func(stray func()) (stop func())
}

// ownSignals is the annotation of commands that decide themselves what a signal
// does. Every other command ends with the first.
const ownSignals = "own signals"

// run is main with its surroundings as arguments. It returns the exit status.
func run(ctx context.Context, args []string, s *surroundings) int {
	defer s.flush()
	root := newRoot(s)
	parsed := false
	unwritten := func() error { return nil }
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	s.args = args
	s.asJSON = wantsJSON(root, args)
	args = numbersLast(root, args)
	root.SetArgs(args)
	if cmd, _, err := root.Find(args); err != nil || cmd.Annotations[ownSignals] == "" {
		interruptible, stop := s.interruptible(ctx)
		defer stop()
		ctx = interruptible
		out := &interruptibleWriter{ctx: ctx, w: s.stdout}
		unwritten = func() error { return out.err }
		s.stdout = out
		root.SetOut(s.stdout)
		if s.endedByHangup != nil {
			s.endedByHangup()
		}
	}
	cmd, err := root.ExecuteContextC(ctx)
	switch failed := unwritten(); {
	case err == nil && failed == nil:
		return exitOK
	case err == nil, errors.Is(err, failed): // also of help and --version, which cobra writes
		err = cmp.Or(err, failed)
		parsed = true
	}
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) && (errors.Is(err, context.Canceled) || exitStatus(err) == exitUnavailable) && !errors.Is(err, errInterrupted) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if !parsed {
		// Whatever fails before a command runs is the command line's fault.
		err = &usageError{err}
	}
	return s.fail(err, cmd)
}

func newRoot(s *surroundings) *cobra.Command {
	root := &cobra.Command{
		Use:   "dsm",
		Short: "Shared variables for many programs, each with its own replica",
		Long: `Dsm runs the registry and the nodes of a group, and reads and writes the group's
variables by hand.

Results go to stdout, errors to stderr; with -o json both are JSON. If a flag is
given twice, the last one counts. If nothing reads the output of a client command,
as in dsm get k | true, SIGPIPE ends the command, which a shell shows as 141; server
and registry continue. SIGHUP ends a client command (129). SIGQUIT prints the stacks
of its goroutines and ends it (2). Otherwise the exit status is` + outcomesHelp(),
		Example: `  dsm registry --listen 127.0.0.1:6001 --data-dir /var/lib/dsm/registry
  dsm server --id n1 --registry 127.0.0.1:6001 --listen 127.0.0.1:7000
  dsm set greeting hello
  dsm get greeting`,
		Version:       thisRelease().String(),
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n") // as the command version has it
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	root.AddCommand(
		newServerCommand(s), newRegistryCommand(s),
		newGetCommand(s), newSetCommand(s), newDelCommand(s), newAddCommand(s), newCASCommand(s),
		newAppendCommand(s), newTxnCommand(s),
		newTTLCommand(s), newExpireCommand(s), newPersistCommand(s),
		newLsCommand(s), newScanCommand(s), newCountCommand(s), newWatchCommand(s),
		newSessionsCommand(s), newStatusCommand(s), newVersionCommand(s),
	)
	root.SetFlagErrorFunc(s.flagError)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			strict(cmd)
		}
	}
	return root
}

// exactly demands an argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing: usage is %s", names[len(args)], cmd.UseLine())
		}
		if len(args) > len(names) {
			return fmt.Errorf("%q is an unexpected argument: usage is %s", client.RedactArgument(args[len(names)]), cmd.UseLine())
		}
		return nil
	}
}
