package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// surroundings is what a command sees of the process it runs in.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	signals        <-chan os.Signal // SIGINT and SIGTERM, and what hangups adds
	attended       bool             // stdin is a terminal, at which somebody may press Ctrl-C again
	onDisplay      bool             // stdout is a terminal
	args           []string         // the command line, without the program's name

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
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	s.args = args
	args = numbersLast(root, args)
	root.SetArgs(args)
	if cmd, _, err := root.Find(args); err != nil || cmd.Annotations[ownSignals] == "" {
		interruptible, stop := s.interruptible(ctx)
		defer stop()
		ctx = interruptible
		s.stdout = &interruptibleWriter{ctx, s.stdout}
		root.SetOut(s.stdout)
	}
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) && (errors.Is(err, context.Canceled) || exitStatus(err) == exitUnavailable) && !errors.Is(err, errInterrupted) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if !parsed {
		// Whatever fails before a command runs is the command line's fault.
		err = &usageError{err}
	}
	s.complain("%s", plain(err))
	code := exitStatus(err)
	if code == exitUsage {
		s.complain("run '%s --help' to see what can be given", cmd.CommandPath())
	}
	return code
}

// complain tells the user something on stderr. There is nobody to tell when
// that fails.
func (s *surroundings) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(s.stderr, "dsm: "+format+"\n", args...)
}

func newRoot(s *surroundings) *cobra.Command {
	root := &cobra.Command{
		Use:   "dsm",
		Short: "Variables that many programs share, each with its own replica",
		Long: `Dsm runs the registry and the nodes of a group, and reads and writes the
group's variables by hand.

Results go to stdout, errors to stderr. A command whose result nobody reads, as in
dsm get k | true, ends without a word by SIGPIPE, which a shell shows as 141; server
and registry go on. Otherwise the exit status is
  0  done
  1  failed
  2  the command line is wrong
  3  there is no such variable (get, del)
  4  the variable has another version (cas)
  5  no server, or no registry, answered; nothing was changed
  6  the outcome of a write is not known
  128 and the signal's number, such as 130 for SIGINT and 143 for SIGTERM:
     a signal ended the command; nothing was changed`,
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
		newStatusCommand(s), newVersionCommand(s),
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
			return fmt.Errorf("%q is one argument too many: usage is %s", args[len(names)], cmd.UseLine())
		}
		return nil
	}
}
