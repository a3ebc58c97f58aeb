package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// commands are all that there are, with their paths.
func commands(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		list = append(list, commands(sub)...)
	}
	return list
}

// Every write of the table of operations has a command, with help.
func TestEveryWriteHasACommand(t *testing.T) {
	root := newRoot(&surroundings{})
	for op := wire.Op(1); op.Valid(); op++ {
		cmd, _, err := root.Find([]string{op.String()})
		if found := err == nil && cmd.Name() == op.String() && cmd.Short != ""; found != op.IsWrite() {
			t.Errorf("root.go: that there is a command %s is %v", op, found)
		}
	}
}

// Every flag with a value demands one, and one of its type; what is mistyped gets a
// suggestion. All of it as JSON, too.
func TestEveryFlag(t *testing.T) {
	for _, cmd := range commands(newRoot(&surroundings{})) {
		path := strings.Fields(cmd.CommandPath())[1:]
		cmd.InitDefaultHelpFlag()
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			name := "--" + flag.Name
			wrong := [][]string{{name + "x"}, {name + "x=1"}}
			if flag.NoOptDefVal == "" {
				wrong = append(wrong, []string{name})
			}
			if flag.Value.Type() != "string" {
				wrong = append(wrong, []string{name + "=nonsense"}, []string{name + "="})
			}
			for _, args := range wrong {
				for _, format := range [][]string{nil, {"-o", "json"}} {
					// The format comes first: a flag without a value would take it for that.
					args := slices.Concat(path, format, args)
					if format != nil && (cmd.Flags().Lookup("output") == nil || flag.Name == "output") {
						continue
					}
					var stdout, stderr bytes.Buffer
					s := &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
					if status := run(t.Context(), args, s); status != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), name) {
						t.Errorf("dsm %s: status %d, stdout %q, stderr %q", args, status, &stdout, &stderr)
					}
					if format != nil {
						checkJSON(t, fmt.Sprint("dsm ", args), "Errors", stderr.Bytes())
					} else if !strings.Contains(stderr.String(), "--help' for usage") {
						t.Errorf("dsm %s: stderr %q", args, &stderr)
					}
				}
			}
		})
	}
}

// Every command has a help that says what it is, names its flags' values, and fits 80
// columns but for the list of flags.
func TestEveryHelp(t *testing.T) {
	for _, cmd := range commands(newRoot(&surroundings{})) {
		if cmd.Name() == "completion" || cmd.HasParent() && cmd.Parent().Name() == "completion" {
			continue // cobra's own
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %q", cmd.CommandPath(), cmd.Short)
		}
		for line := range strings.Lines(cmd.Long) {
			if len(strings.TrimSuffix(line, "\n")) > 86 && !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: a line of %d characters: %s", cmd.CommandPath(), len(line), line)
			}
		}
		for _, way := range [][]string{{"--help"}, {"-h"}} {
			var stdout, stderr bytes.Buffer
			s := &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
			status := run(t.Context(), append(strings.Fields(cmd.CommandPath())[1:], way...), s)
			if status != exitOK || stderr.Len() > 0 || !strings.Contains(stdout.String(), "Usage:") {
				t.Errorf("%s %s: status %d, stdout %q, stderr %q", cmd.CommandPath(), way, status, &stdout, &stderr)
			}
		}
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if name, usage := pflag.UnquoteUsage(flag); usage == "" || flag.NoOptDefVal == "" && (name == "string" || name == "int" || name == "uint" || name == "duration") {
				t.Errorf("%s: the help does not say what --%s takes: %s %q", cmd.CommandPath(), flag.Name, name, usage)
			}
		})
	}
}

// Of a flag that is given twice the last one counts.
func TestFlagGivenTwice(t *testing.T) {
	dsn := startGroup(t)
	for _, test := range []struct {
		args string
		json bool
	}{
		{"set k v --dsn nonsense --dsn " + dsn + " -o text -o json", true},
		{"get k --timeout 1ns --timeout 30s --dsn " + dsn + " -o json -o text", false},
	} {
		var stdout, stderr bytes.Buffer
		s := &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
		status := run(t.Context(), strings.Fields(test.args), s)
		if status != exitOK || stderr.Len() > 0 || strings.HasPrefix(stdout.String(), "{") != test.json {
			t.Errorf("dsm %s: status %d, stdout %q, stderr %q", test.args, status, &stdout, &stderr)
		}
	}
}
