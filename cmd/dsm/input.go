package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// maxInputBytes bounds a value that is read from stdin: no group allows more.
const maxInputBytes = 16 << 20

// input is how the argument VALUE is read.
type input struct{ trim bool }

// inputHelp says what VALUE may be.
const inputHelp = `The value "-" means: read the value from stdin, including the newline that echo
adds; --trim removes one newline at the end. Write -- before an argument that begins
with a dash and is not a number.`

func (in *input) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&in.trim, "trim", false, `remove one newline at the end of the value that "-" reads`)
}

// value returns the value that an argument stands for. It blocks until stdin
// ends, or ctx does.
func (in *input) value(ctx context.Context, stdin io.Reader, arg string) ([]byte, error) {
	if arg != "-" {
		if in.trim {
			return nil, usagef("--trim is for a value from stdin: give - as VALUE")
		}
		return []byte(arg), nil
	}
	data, err := abandonable(ctx, func() ([]byte, error) {
		return io.ReadAll(io.LimitReader(stdin, maxInputBytes+1))
	})
	if errors.Is(err, errInterrupted) {
		return nil, fmt.Errorf("%w before the end of stdin: nothing was sent", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the value from stdin, nothing was sent: %w", err)
	}
	if len(data) > maxInputBytes {
		return nil, fmt.Errorf("the value on stdin has more than %d bytes, which no group allows; nothing was sent: %w", maxInputBytes, driver.ErrTooLarge)
	}
	if line, found := bytes.CutSuffix(data, []byte("\n")); in.trim && found {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	return data, nil
}
