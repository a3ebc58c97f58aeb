package core

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// Options choose what is simulated. The zero value is a group with safe delivery
// whose other traits the seed decides.
type Options struct {
	// Agreed chooses agreed delivery.
	Agreed bool

	// Trace receives one line for each event. Default: none.
	Trace func(line string)
}

// Result is what a run came to.
type Result struct {
	Seed      uint64
	Violation string // what guarantee was broken, and how; empty: none
	Counts    map[string]int
}

// world is one simulated group.
type world struct {
	options Options
	rng     *rand.Rand
	traits  traits
	counts  map[string]int // what the run covers

	group    isistest.Group
	nodes    []*node // beside group.Nodes
	registry registry
	order    order
	commands uint32 // submitted so far
}

// violation is what the checks panic with: the schedule ends where it is found.
type violation string

// Run simulates one schedule. Equal arguments give equal results.
func Run(seed uint64, options Options) (result Result) {
	w := &world{options: options, rng: rand.New(rand.NewPCG(seed, 0x1515)), counts: map[string]int{}}
	w.group = isistest.Group{Sent: w.sent, Rejected: w.rejected, Delivered: w.applied, Entered: w.entered}
	defer func() {
		result = Result{Seed: seed, Counts: w.counts}
		switch reason := recover().(type) {
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
	for range w.traits.steps {
		w.counts["steps"]++
		w.step()
	}
	w.settle()
	w.finish()
	return result
}

// begin starts the members of the first view.
func (w *world) begin() {
	w.traits = drawTraits(w.rng)
	w.group.Config = isis.Config{
		Agreed: w.options.Agreed, Window: w.traits.window, MaxBatchCommands: w.traits.batch,
		MaxUndelivered: w.traits.undelivered, DirectAcks: w.traits.direct,
	}
	var first isis.View
	for i := range w.traits.members {
		n := w.start(string(rune('a' + i)))
		first.Members = append(first.Members, n.ID)
	}
	w.rng.Shuffle(len(first.Members), func(i, j int) {
		first.Members[i], first.Members[j] = first.Members[j], first.Members[i]
	})
	first.ID = 1
	w.registry.commit(w, first)
}

func (w *world) fail(format string, args ...any) {
	panic(violation(fmt.Sprintf(format, args...)))
}

func (w *world) trace(format string, args ...any) {
	if w.options.Trace != nil {
		w.options.Trace(fmt.Sprintf(format, args...))
	}
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// pick returns a random element of those that pass, or nil.
func (w *world) pick(pass func(*node) bool) *node {
	var chosen *node
	seen := 0
	for _, n := range w.nodes {
		if n.Alive && pass(n) {
			seen++
			if w.rng.IntN(seen) == 0 {
				chosen = n
			}
		}
	}
	return chosen
}
