package console

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// What a person is told of a wrong value names no function of Go.
func TestInvalidValue(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Int("int", 0, "")
	flags.Uint64("uint64", 0, "")
	flags.Float64("float64", 0, "")
	flags.Duration("duration", 0, "")
	flags.Bool("bool", false, "")
	for name, want := range map[string]string{
		"int": "whole number", "uint64": "0 or above", "float64": "number", "duration": "such as 5s", "bool": "true or false",
	} {
		for _, value := range []string{"x", "", "-", "5 s", "99999999999999999999x"} {
			flag := flags.Lookup(name)
			err := flag.Value.Set(value)
			if err == nil {
				t.Errorf("--%s takes %q", name, value)
				continue
			}
			got := InvalidValue(name, value, flag.Value.Type(), err)
			if !strings.Contains(got, want) || !strings.Contains(got, `"--`+name+`"`) || strings.Contains(got, "strconv") || strings.Contains(got, "time:") {
				t.Errorf("--%s %q: %s", name, value, got)
			}
		}
	}
}
