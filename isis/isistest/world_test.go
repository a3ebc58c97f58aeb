package isistest_test

// The schedules run whole groups of protocol cores in the environment of this package. One seed
// decides each: which link delivers next, when a turn ends, who crashes, who is excluded though
// alive, who returns, joins or leaves, and which messages of the registry are lost, doubled or
// late. After every step the logs of all nodes are held against the guarantees.
//
// The simulation of whole groups (internal/sim) runs the same cores, but under a real registry and
// over a network with delays. So it hardly ever has a directive without the views before it, or
// a message that needs what came before its receiver's view. Here each directive and each message
// is a step of its own, in any order that the links allow.
//
// The nodes are real isis.Node values. Links lose nothing between nodes that live; behind
// a sender that crashed they end at a random point. The registry is a model (registry_test.go).
// It keeps one chain of committed views. It computes each attempt from the committed view
// and from the nodes taken for alive, with another leader than the attempt that failed. It
// takes INSTALLED for the attempt under way only, from its leader only. Directives and
// reports are repeated until they have an effect, so any of them may be lost, doubled or
// late. A restart forgets everything but the views and the attempt.
//
// The guarantees (order_test.go) with safe delivery: what any node ever delivered,
// one that crashed or was excluded too, is a prefix of one order, in which each
// sender's messages of a view stand in sequence and nothing stands twice or was
// not submitted; no node enters a view that is not committed. With agreed
// delivery this holds for the members of the last view. In the end, once faults
// stop (settle_test.go), every survivor has delivered all that the survivors and the nodes
// that left cleanly have submitted.

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// options choose what is simulated. The zero value is a group with safe delivery
// whose other traits the seed decides.
type options struct {
	// Agreed chooses agreed delivery.
	Agreed bool

	// Trace receives one line for each event. Default: none.
	Trace func(line string)
}

// result is what a run came to.
type result struct {
	Seed      uint64
	Violation string // what guarantee was broken, and how; empty: none
	Counts    map[string]int
}

// world is one simulated group.
type world struct {
	options options
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

// run simulates one schedule. Equal arguments give equal results.
func run(seed uint64, o options) (r result) {
	w := &world{options: o, rng: rand.New(rand.NewPCG(seed, 0x1515)), counts: map[string]int{}}
	w.group = isistest.Group{Sent: w.sent, Rejected: w.rejected, Delivered: w.applied, Entered: w.entered}
	defer func() {
		r = result{Seed: seed, Counts: w.counts}
		switch reason := recover().(type) {
		case nil:
		case violation:
			r.Violation = string(reason)
		default:
			r.Violation = fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())
		}
		if r.Violation != "" {
			w.trace("VIOLATION: %s", r.Violation)
		}
	}()
	w.begin()
	for range w.traits.steps {
		w.counts["steps"]++
		w.step()
	}
	w.settle()
	w.finish()
	return r
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
