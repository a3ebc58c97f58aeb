package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// surroundings is what a command sees of the process it runs in.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	signals        <-chan os.Signal // SIGINT and SIGTERM
	attended       bool             // stdin is a terminal, at which somebody may press Ctrl-C again
	onDisplay      bool             // stdout is a terminal
}

// run is main with its surroundings as arguments. It returns the exit status.
func run(ctx context.Context, args []string, s *surroundings) int {
	root := newRoot(s)
	parsed := false
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	root.SetArgs(numbersLast(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
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

// interruptible returns a context that ends with the first signal. The caller
// must call stop, which gives further signals back to others.
func (s *surroundings) interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case sig := <-s.signals:
			cancel(fmt.Errorf("%w by signal %q", errInterrupted, sig))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-stopped
	}
}

func newRoot(s *surroundings) *cobra.Command {
	root := &cobra.Command{
		Use:   "dsm",
		Short: "Variables that many programs share, each with its own replica",
		Long: `Dsm runs the registry and the nodes of a group, and reads and writes the
group's variables by hand.

Results go to stdout, errors to stderr. The exit status is
  0  done
  1  failed
  2  the command line is wrong
  3  there is no such variable (get, del)
  4  the variable has another version (cas)
  5  no server, or no registry, answered; nothing was changed
  6  the outcome of a write is not known`,
		Example: `  dsm registry --listen 127.0.0.1:6001 --data-dir /var/lib/dsm/registry
  dsm server --id n1 --registry 127.0.0.1:6001 --listen 127.0.0.1:7000
  dsm set greeting hello
  dsm get greeting`,
		Version:       thisRelease().String(),
		Args:          cobra.NoArgs,
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
