package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// doubleDashes lets a flag be written with one dash, like -nodes, as well as
// with two. pflag would take that for the shorthands n, o, d, e and s.
//
// What follows a flag that takes a value is that value, whatever it looks like
// (--seed -5), and so is everything after --. A single letter stays as it is,
// and so does what looks like a negative number.
func doubleDashes(args []string, flags *pflag.FlagSet) []string {
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if len(arg) > 2 && arg[0] == '-' && isLetter(arg[1]) && arg[2] != '=' {
			arg = "-" + arg
		}
		out = append(out, arg)
		if takesNext(arg, flags) && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// takesNext reports whether arg is a flag whose value is the next argument.
func takesNext(arg string, flags *pflag.FlagSet) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	var flag *pflag.Flag
	switch name, long := strings.CutPrefix(arg, "--"); {
	case long:
		flag = flags.Lookup(name)
	case len(arg) == 2 && arg[0] == '-':
		flag = flags.ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}
