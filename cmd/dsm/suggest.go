package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

// onlyCommands refuses arguments of a command that has commands of its own: they
// are mistyped names of these.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return noSuchCommand(cmd, args[0])
}

// noSuchCommand returns an error that suggests the command that was meant.
func noSuchCommand(cmd *cobra.Command, name string) error {
	name = client.RedactArgument(name)
	names := commandNames(cmd)
	if same := synonyms[strings.ToLower(name)]; slices.Contains(names, same) {
		return usagef("unknown command %q for %q: did you mean %q?", name, cmd.CommandPath(), same)
	}
	if near := console.Nearest(name, names); near != "" {
		return usagef("unknown command %q for %q: did you mean %q?", name, cmd.CommandPath(), near)
	}
	return usagef("unknown command %q for %q: there are %s", name, cmd.CommandPath(), strings.Join(names, ", "))
}

// synonyms are what other programs call commands of this one, where their letters are
// near to none, or to the wrong one.
var synonyms = map[string]string{
	"put": "set", "write": "set", "store": "set", "read": "get", "cat": "get", "show": "get",
	"rm": "del", "remove": "del", "unset": "del", "erase": "del",
	"keys": "ls", "dir": "ls", "all": "ls",
	"incr": "add", "inc": "add", "increment": "add", "incrby": "add", "sum": "add",
	"subscribe": "watch", "follow": "watch", "tail": "watch", "observe": "watch", "monitor": "watch",
	"compare-and-set": "cas", "compare-and-swap": "cas",
	"node": "server", "start": "server", "run": "server", "daemon": "server", "join": "server",
	"members": "status", "health": "status", "info": "status", "nodes": "status",
}

// flagSynonyms are the same for flags, without the dashes.
var flagSynonyms = map[string]string{
	"json": "output json", "format": "output", "name": "id", "port": "listen", "addr": "listen", "address": "listen", "bind": "listen",
	"endpoints": "dsn", "server": "dsn", "servers": "dsn", "consistent": "strong", "linearizable": "strong",
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(names, sub.Name())
		}
	}
	return names
}

// flagError adds to an error about a flag which one was meant, and how to write
// an argument that looks like a flag.
func (s *surroundings) flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &invalid):
		return usagef("%s", console.InvalidValue(invalid.GetFlag().Name, client.RedactArgument(invalid.GetValue()), invalid.GetFlag().Value.Type(), invalid.Unwrap()))
	case !errors.As(err, &unknown):
		return usagef("%w", err)
	}
	if name := mistypedCommand(cmd, s.args); name != "" {
		return noSuchCommand(cmd, name) // whose flags these are
	}
	word, given := unknown.GetSpecifiedName(), "--"+unknown.GetSpecifiedName()
	if group := unknown.GetSpecifiedShortnames(); group != "" {
		word, given = group, "-"+group
	}
	text := err.Error()
	if near := nearestFlag(cmd, word); near != "" {
		text += fmt.Sprintf(": did you mean --%s?", near)
	}
	if strings.Contains(cmd.Use, "KEY") {
		text += fmt.Sprintf("; if %q is an argument, write -- before it: %s", given, afterDashes(s.args, cmd, given))
	}
	return usagef("%s", text)
}

// mistypedCommand returns the first argument, before all flags, of a command that
// has commands of its own, none of which the argument names.
func mistypedCommand(cmd *cobra.Command, args []string) string {
	if !cmd.HasSubCommands() {
		return ""
	}
	path := strings.Fields(cmd.CommandPath())[1:]
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-"): // what follows may be its value
			return ""
		case len(path) > 0 && arg == path[0]:
			path = path[1:]
		default:
			return arg
		}
	}
	return ""
}

// secretFlag is what a flag is called of which the value may be a secret: there is
// none in dsm, but people expect one.
var secretFlag = regexp.MustCompile(`(?i)pass|pwd|token|secret|auth|cred|key|user`)

// afterDashes shows how to give an argument that looks like a flag.
func afterDashes(args []string, cmd *cobra.Command, given string) string {
	args = slices.Clone(args)
	for i := range args {
		args[i] = client.RedactArgument(args[i])
	}
	for i, arg := range args {
		if !strings.HasPrefix(arg, given) {
			continue
		}
		if secretFlag.MatchString(given) {
			break // its value is not to be shown
		}
		if slices.ContainsFunc(args[i+1:], func(arg string) bool { return strings.HasPrefix(arg, "-") }) {
			break // which would be arguments then
		}
		words := slices.Concat([]string{cmd.Root().Name()}, args[:i], []string{"--"}, args[i:])
		if line := strings.Join(words, " "); len(line) < 100 && !strings.ContainsAny(line, "'\"\\$`*?[](){}<>|&;#~\n\t") {
			return line
		}
	}
	return cmd.CommandPath() + " ... -- " + given
}

// nearestFlag returns the flag of a command that a word was meant to be. One
// letter is near to none.
func nearestFlag(cmd *cobra.Command, word string) string {
	if len(word) < 2 {
		return ""
	}
	same := flagSynonyms[strings.ToLower(word)]
	if name, _, _ := strings.Cut(same, " "); cmd.Flags().Lookup(name) != nil {
		return same
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return console.Nearest(word, names)
}

// newHelpCommand is cobra's, but that it refuses what is no command.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Args:  cobra.ArbitraryArgs,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, _ := named(cmd.Root(), args)
			return commandNames(about), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, err := named(cmd.Root(), args)
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// named returns the command that names lead to from cmd, or the last one on the
// way that exists.
func named(cmd *cobra.Command, names []string) (*cobra.Command, error) {
	for _, name := range names {
		found := false
		for _, sub := range cmd.Commands() {
			if sub.Name() == name && !found {
				cmd, found = sub, true
			}
		}
		if !found && !cmd.HasSubCommands() {
			return cmd, usagef("%q is an unexpected argument: %s has no commands", client.RedactArgument(name), cmd.CommandPath())
		}
		if !found {
			return cmd, noSuchCommand(cmd, name)
		}
	}
	return cmd, nil
}

// strict makes the completion command, which cobra brings, refuse what it does
// not know.
func strict(completion *cobra.Command) {
	completion.Args = onlyCommands
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}
