package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestDoubleDashes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"-nodes 4 -writes 50%", "--nodes 4 --writes 50%"},
		{"--nodes 4 --writes 0.5", "--nodes 4 --writes 0.5"},
		{"-nodes=4 --writes=50% -embedded", "--nodes=4 --writes=50% --embedded"},
		{"-embedded -nodes 3", "--embedded --nodes 3"},
		{"-embedded=false", "--embedded=false"},
		{"-seed -5", "--seed -5"},
		{"--hist -nodes", "--hist -nodes"},
		{"-o json -nodes 2", "-o json --nodes 2"},
		{"-o=json", "-o=json"},
		{"-h", "-h"},
		{"-help", "--help"},
		{"-nodez 4", "--nodez 4"},
		{"-5", "-5"},
		{"-", "-"},
		{"-nodes 4 -- -writes", "--nodes 4 -- -writes"},
		{"-nodes", "--nodes"},
	} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		flags.Int("nodes", 4, "")
		flags.Int("seed", 4, "")
		flags.String("writes", "", "")
		flags.String("hist", "", "")
		flags.StringP("output", "o", "", "")
		flags.BoolP("help", "h", false, "")
		flags.Bool("embedded", false, "")
		got := doubleDashes(strings.Fields(test.in), flags)
		if !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%q becomes %q, want %q", test.in, got, test.want)
		}
	}
}
