package sim_test

import (
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/sim"
)

// shrunk is a smaller run with the same kind of violation.
type shrunk struct {
	sim.Result
	options sim.Options
	needs   []sim.Fault // kinds of faults that remain
	lines   []string    // the last of its trace
}

// kind is the part of a violation that names the guarantee.
func kindOf(v string) string {
	kind, _, _ := strings.Cut(v, ":")
	return kind
}

// shrink looks for a smaller run of the seed that violates the same guarantee: with
// fewer kinds of faults, fewer clients, a shorter time, and fewer nodes. It keeps
// each step that leaves the violation in place. lines bounds the trace.
func shrink(failed sim.Result, lines int) shrunk {
	best := shrunk{Result: failed}
	try := func(o sim.Options) bool {
		r := sim.Run(failed.Seed, o)
		if r.Violation == "" || kindOf(r.Violation) != kindOf(failed.Violation) {
			return false
		}
		best.Result, best.options = r, o
		return true
	}
	if failed.Virtual < failed.Horizon {
		o := best.options
		o.Horizon = failed.Virtual + failed.Horizon/100
		try(o)
	}
	for f := range sim.Fault(len(best.Faults)) {
		o := best.options
		o.Without = o.Without.With(f)
		try(o)
	}
	for best.Clients > 1 {
		o := best.options
		o.Clients = best.Clients - 1
		if !try(o) {
			break
		}
	}
	for best.Nodes > 1 {
		o := best.options
		o.Nodes = best.Nodes - 1
		if !try(o) {
			break
		}
	}
	for range 6 {
		o := best.options
		o.Horizon = best.Horizon * 3 / 4
		if !try(o) {
			break
		}
	}
	for f := range sim.Fault(len(best.Faults)) {
		if best.Faults[f] > 0 {
			best.needs = append(best.needs, f)
		}
	}
	best.lines = lastLines(failed.Seed, best.options, lines)
	return best
}

// lastLines are the last lines of a run's trace.
func lastLines(seed uint64, o sim.Options, n int) []string {
	if n <= 0 {
		return nil
	}
	ring := make([]string, 0, n)
	at := 0
	o.Trace = func(line string) {
		if strings.Contains(line, " PROBE ") || strings.Contains(line, " VOUCH ") {
			return // there are many, and they are well
		}
		if len(ring) < n {
			ring = append(ring, line)
			return
		}
		ring[at] = line
		at = (at + 1) % n
	}
	sim.Run(seed, o)
	return slices.Concat(ring[at:], ring[:at])
}
