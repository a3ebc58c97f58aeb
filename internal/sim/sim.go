package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Options choose what is simulated. The zero value leaves all to the seed; the
// others make a run smaller, to find out what a violation needs.
type Options struct {
	// Without switches kinds of faults off.
	Without Faults

	// Nodes and Clients bound their number. 0: as the seed decides.
	Nodes, Clients int

	// Horizon is when faults stop, in virtual time. 0: as the seed decides.
	Horizon time.Duration

	// Steps is how many operations each client begins, and what beside them without
	// waiting, whatever happens meanwhile. 0: as many as there is time for.
	Steps int

	// Knobs are those of the members.
	Knobs Knobs

	// Aside has the run go on whatever the simulation's own checks find, so that the result
	// names each check of dsmbench that finds something.
	Aside bool

	// Trace receives one line for each event. Default: none.
	Trace func(line string)
}

// Result is what a run came to.
type Result struct {
	Seed      uint64
	Violation string // what guarantee was broken, and how; empty: none
	Checks    string // of dsmbench that have found something, with Aside
	Nodes     int
	Clients   int
	Horizon   time.Duration
	Counts
}

// Run simulates one group. Equal arguments give equal results.
func Run(seed uint64, options Options) Result { return newWorld(seed, options).run() }

func (w *world) run() (result Result) {
	defer func() {
		reason := recover()
		result = Result{
			Seed: w.seed, Counts: w.counts, Checks: strings.Join(w.finders, "; "),
			Nodes: w.traits.nodes, Clients: w.traits.clients, Horizon: w.traits.horizon,
		}
		result.Virtual = w.Now
		switch reason := reason.(type) {
		case nil:
		case violation:
			result.Violation = string(reason)
		default:
			result.Violation = fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())
		}
		if result.Violation != "" {
			w.trace("VIOLATION: %s", result.Violation)
		}
	}()
	w.begin()
	w.runUntil(w.traits.horizon)
	w.settle()
	w.finish()
	return result
}

// violation is what the checks panic with: the run ends where it is found.
type violation string

func (w *world) fail(format string, args ...any) {
	v := violation(fmt.Sprintf(format, args...))
	if w.options.Aside && !strings.HasPrefix(string(v), "progress") {
		w.trace("VIOLATION: %s", v)
		return
	}
	panic(v)
}

// found ends the run with what one of the checks of dsmbench has found.
func (w *world) found(check, text string) {
	if w.options.Aside && !slices.Contains(w.finders, check) {
		w.finders = append(w.finders, check)
	}
	w.fail("%s: %s", check, text)
}

func (w *world) tracing() bool { return w.options.Trace != nil }

// trace prints what happens. Where much of it does, or a word of it is dear, tracing is
// asked first.
func (w *world) trace(format string, args ...any) {
	if !w.tracing() {
		return
	}
	w.options.Trace(fmt.Sprintf("%12.6f ", w.Now.Seconds()) + fmt.Sprintf(format, args...))
}
