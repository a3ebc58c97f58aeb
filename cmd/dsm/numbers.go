package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// numbersLast lets an argument be a negative number, as in "dsm add k -5", which
// would be taken for flags otherwise: it puts such an argument, and the
// arguments after it that are no flags, behind "--". No flag of dsm is a digit.
func numbersLast(root *cobra.Command, args []string) []string {
	flags := flagsOf(root, args)
	var front, back []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			if back == nil {
				return args
			}
			return behind(front, append(back, args[i+1:]...))
		case isNegative(arg), back != nil && !strings.HasPrefix(arg, "-"):
			back = append(back, arg)
		default:
			front = append(front, arg)
			if takesNext(arg, flags) && i+1 < len(args) {
				i++
				front = append(front, args[i])
			}
		}
	}
	if back == nil {
		return args
	}
	return behind(front, back)
}

// flagsOf returns the flags of the command that a command line names.
func flagsOf(root *cobra.Command, args []string) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	if cmd, _, err := root.Find(args); err == nil {
		flags.AddFlagSet(cmd.Flags())
		flags.AddFlagSet(cmd.InheritedFlags())
	}
	return flags
}

func behind(front, back []string) []string {
	return append(append(front, "--"), back...)
}

func isNegative(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9'
}

// takesNext reports whether arg is a flag whose value is the next argument.
func takesNext(arg string, flags *pflag.FlagSet) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	var flag *pflag.Flag
	switch name, long := strings.CutPrefix(arg, "--"); {
	case long:
		flag = flags.Lookup(name)
	case len(arg) == 2 && arg[0] == '-' && arg != "--":
		flag = flags.ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}
