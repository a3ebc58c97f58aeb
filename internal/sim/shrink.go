package sim

import (
	"slices"
	"strings"
)

// Shrunk is a smaller run with the same kind of violation.
type Shrunk struct {
	Result
	Options Options
	Needs   []Fault  // kinds of faults that remain
	Lines   []string // the last of its trace
}

// kind is the part of a violation that names the guarantee.
func kindOf(v string) string {
	kind, _, _ := strings.Cut(v, ":")
	return kind
}

// Shrink looks for a smaller run of the seed that violates the same guarantee: with
// fewer kinds of faults, fewer clients, a shorter time, and fewer nodes. It keeps
// each step that leaves the violation in place. lines bounds the trace.
func Shrink(failed Result, lines int) Shrunk {
	best := Shrunk{Result: failed}
	try := func(o Options) bool {
		r := Run(failed.Seed, o)
		if r.Violation == "" || kindOf(r.Violation) != kindOf(failed.Violation) {
			return false
		}
		best.Result, best.Options = r, o
		return true
	}
	if failed.Virtual < failed.Horizon {
		o := best.Options
		o.Horizon = failed.Virtual + failed.Horizon/100
		try(o)
	}
	for f := range faultKinds {
		o := best.Options
		o.Without = o.Without.With(f)
		try(o)
	}
	for best.Clients > 1 {
		o := best.Options
		o.Clients = best.Clients - 1
		if !try(o) {
			break
		}
	}
	for best.Nodes > 1 {
		o := best.Options
		o.Nodes = best.Nodes - 1
		if !try(o) {
			break
		}
	}
	for range 6 {
		o := best.Options
		o.Horizon = best.Horizon * 3 / 4
		if !try(o) {
			break
		}
	}
	for f := range faultKinds {
		if best.Faults[f] > 0 {
			best.Needs = append(best.Needs, f)
		}
	}
	best.Lines = lastLines(failed.Seed, best.Options, lines)
	return best
}

// lastLines are the last lines of a run's trace.
func lastLines(seed uint64, o Options, n int) []string {
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
	Run(seed, o)
	return slices.Concat(ring[at:], ring[:at])
}
