// Command against compares two builds of dsmbench: it runs them in alternation on
// one machine, and prints how the new one does relative to the old one. Nothing else
// should run meanwhile. make against BASE=commit builds both and calls it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "against:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("against", flag.ContinueOnError)
	before := flags.String("old", "", "`path` of dsmbench as it was")
	after := flags.String("new", "", "`path` of dsmbench as it is")
	rounds := flags.Int("rounds", 5, "how `often` each runs each workload, in alternation")
	duration := flags.Duration("duration", 10*time.Second, "`time` of each run that counts")
	only := flags.String("only", "", "`part` of the names of the workloads that are run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *before == "" || *after == "" || *rounds < 1 || flags.NArg() > 0 {
		return errors.New("give -old and -new, and 1 round or more")
	}
	builds := [2]string{*before, *after}
	for _, w := range workloads {
		if !strings.Contains(w.name, *only) {
			continue
		}
		var values [2][]float64
		for round := range *rounds {
			for i := range builds {
				which := (round + i) % 2 // who begins has the cooler machine
				v, err := w.measure(ctx, builds[which], *duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", builds[which], w.name, err)
				}
				values[which] = append(values[which], v)
			}
		}
		if _, err := fmt.Fprintln(out, w.line(values[0], values[1])); err != nil {
			return err
		}
	}
	return nil
}

// workload is what is measured with one run of dsmbench.
type workload struct {
	name    string
	flags   []string
	op      string // of the report's operations
	latency bool   // the median, and not how many there were a second
}

var workloads = []workload{
	{name: "writes/s of 256 clients", flags: []string{"-writes", "100%", "-clients", "256"}, op: "writes"},
	{name: "p50 of writes of 1 client", flags: []string{"-writes", "100%", "-clients", "1"}, op: "writes", latency: true},
	{name: "writes/s of 1 client", flags: []string{"-writes", "100%", "-clients", "1"}, op: "writes"},
	{name: "reads/s of 256 clients", flags: []string{"-writes", "0%", "-strong", "0%", "-clients", "256"}, op: "reads"},
	{name: "p50 of embedded writes of 1 client", flags: []string{"-embedded", "-writes", "100%", "-clients", "1"}, op: "writes", latency: true},
	{name: "embedded reads/s of 2 clients", flags: []string{"-embedded", "-writes", "0%", "-strong", "0%", "-clients", "2"}, op: "reads"},
}

// figures is what is read of the report of dsmbench.
type figures struct {
	Operations []struct {
		Node      string  `json:"node"`
		Op        string  `json:"op"`
		PerSecond float64 `json:"per_second"`
		P50       float64 `json:"p50_ns"`
	} `json:"operations"`
	Pass bool `json:"pass"`
}

// measure runs dsmbench once.
func (w *workload) measure(ctx context.Context, dsmbench string, duration time.Duration) (float64, error) {
	args := append([]string{"-nodes", "3", "-duration", duration.String(), "-warmup", "2s", "-output", "json"}, w.flags...)
	if w.flags[0] != "-embedded" {
		args = append(args, "-processes")
	}
	cmd := exec.CommandContext(ctx, dsmbench, args...)
	text, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return 0, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return 0, err
	}
	return w.value(text)
}

// value finds in a report what is measured.
func (w *workload) value(text []byte) (float64, error) {
	var r figures
	if err := json.Unmarshal(text, &r); err != nil {
		return 0, err
	}
	if !r.Pass {
		return 0, errors.New("the run failed")
	}
	for _, o := range r.Operations {
		switch {
		case o.Node != "" || o.Op != w.op:
		case w.latency && o.P50 > 0:
			return o.P50, nil
		case !w.latency && o.PerSecond > 0:
			return o.PerSecond, nil
		}
	}
	return 0, fmt.Errorf("the report says nothing of %s", w.op)
}
