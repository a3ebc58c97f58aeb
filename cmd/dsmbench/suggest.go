package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/console"
)

// noArguments refuses arguments that are no flags, and suggests what was meant.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	given := client.RedactArgument(args[0])
	if near := console.Nearest(args[0], commandNames(cmd)); near != "" {
		return fmt.Errorf("%w: unexpected argument %q: did you mean %q?", errUsage, given, near)
	}
	name, _, assigns := strings.Cut(args[0], "=")
	if near := nearestFlag(cmd, name); near != "" && (assigns || near == name) {
		return fmt.Errorf("%w: unexpected argument %q: did you mean --%s?", errUsage, given, near)
	}
	if names := commandNames(cmd); len(names) > 0 {
		return fmt.Errorf("%w: unexpected argument %q: the commands are %s", errUsage, given, strings.Join(names, ", "))
	}
	return fmt.Errorf("%w: unexpected argument %q: %s takes only flags", errUsage, given, cmd.CommandPath())
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

// flagError suggests the flag that was meant.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		flag := invalid.GetFlag()
		return fmt.Errorf("%w: %s", errUsage, console.InvalidValue(flag.Name, client.RedactArgument(invalid.GetValue()), flag.Value.Type(), invalid.Unwrap()))
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			return fmt.Errorf("%w: %w: did you mean --%s?", errUsage, err, near)
		}
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}

// nearestFlag returns the flag of a command that a word was meant to be. One
// letter is near to none.
func nearestFlag(cmd *cobra.Command, word string) string {
	if len(word) < 2 {
		return ""
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
		RunE: func(cmd *cobra.Command, args []string) error {
			about := commandOf(cmd.Root(), args)
			if about.HasParent() {
				args = args[1:]
			}
			if err := noArguments(about, args); err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
