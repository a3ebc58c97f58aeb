package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

// fail tells on stderr why a command failed, and returns its exit status.
func (s *surroundings) fail(err error, cmd *cobra.Command) int {
	status := exitStatus(err)
	text := console.OneLine(client.RedactArguments(plain(err), s.args, status == exitUsage))
	if s.asJSON {
		f := console.Failure{Code: codeOf(status), Message: text, ExitStatus: status}
		var conflict *driver.ConflictError
		if errors.As(err, &conflict) {
			f.Version = decimal(conflict.Version)
		}
		f.Write(s.stderr)
		return status
	}
	s.complain("%s", text)
	if status == exitUsage {
		if cmd.Name() == "help" && cmd.HasParent() {
			cmd = cmd.Parent()
		}
		s.complain("run '%s --help' for usage", cmd.CommandPath())
	}
	return status
}

// complain tells the user something on stderr, on one line. There is nobody to
// tell when that fails.
func (s *surroundings) complain(format string, args ...any) {
	text := console.OneLine(fmt.Sprintf(format, args...))
	if s.asJSON {
		console.WriteWarning(s.stderr, text)
		return
	}
	_, _ = fmt.Fprintf(s.stderr, "dsm: %s\n", text)
}

// wantsJSON reports whether a command line asks for JSON. It does not depend on
// whether it can be parsed: what is wrong with it is to be told as JSON too.
func wantsJSON(root *cobra.Command, args []string) bool {
	json := false
	flags := flagsOf(root, args)
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, value, found := strings.Cut(args[i], "=")
		switch {
		case name == "--output" || name == "-o":
			if !found && i+1 < len(args) {
				i++
				value = args[i]
			}
			json = value == formatJSON
		case strings.HasPrefix(name, "-o") && !found:
			json = name == "-o"+formatJSON
		case takesNext(args[i], flags):
			i++
		}
	}
	return json
}
