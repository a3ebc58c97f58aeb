// Command way shows which files a write passes: of a client that is connected over
// TCP, in a group of three nodes with event loops.
//
//	go run ./bench/way
//
// It builds the program below it, writes, with coverage, has it make a number of
// writes one after another, and takes the statements that ran for every one of them.
// A file in which a write runs ten statements or more is one that a reader of its way
// has to read. The others, with a check that is mostly false or one line of
// bookkeeping, are listed behind them.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "way:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "way-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory of the system's
	w, err := measure(context.Background(), dir)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(w.String())
	return err
}

// measure builds and runs the program in a directory that is empty.
func measure(ctx context.Context, dir string) (*way, error) {
	program, counters, text := filepath.Join(dir, "writes"), filepath.Join(dir, "counters"), filepath.Join(dir, "text")
	if err := os.Mkdir(counters, 0o700); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"go", "build", "-cover", "-covermode=atomic", "-coverpkg=" + module + "...", "-o", program, module + "bench/way/writes"},
		{program, counters, fmt.Sprint(writes)},
		{"go", "tool", "covdata", "textfmt", "-i=" + counters, "-o=" + text},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GOCOVERDIR="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	profile, err := os.ReadFile(text)
	if err != nil {
		return nil, err
	}
	return read(bytes.NewReader(profile))
}
