package core

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/seed-8247e700/dsm/isis"
)

// Options choose what is simulated. The zero value is a group with safe delivery
// whose other traits the seed decides.
type Options struct {
	// Agreed chooses agreed delivery.
	Agreed bool

	// Members is the size of the first view. Default: the seed decides, mostly
	// 2 to 5, at most 7.
	Members int

	// Steps is the number of random steps before faults stop. Default: the seed
	// decides, 200 to 1000.
	Steps int

	// Trace receives one line for each event. Default: none.
	Trace func(line string)
}

// Result is what a run came to.
type Result struct {
	Seed      uint64
	Violation string // what guarantee was broken, and how; empty: none
	Counts
}

// Counts tell what a run covered.
type Counts struct {
	Steps      uint64 // random steps
	Messages   uint64 // delivered by links
	Commands   uint64 // placed in the order
	Deliveries uint64 // of messages, over all nodes
	Views      uint64 // committed
	Attempts   uint64
	Crashes    uint64
	Exclusions uint64 // of members that were alive and did not ask to leave
	Joins      uint64 // views entered by nodes that were not in the first
	Reloads    uint64 // states loaded anew by joiners
	Leaves     uint64
	Restarts   uint64 // of the registry
	Missed     uint64 // joiners that had to start over
}

// Add adds the counts of another run.
func (c *Counts) Add(d Counts) {
	c.Steps += d.Steps
	c.Messages += d.Messages
	c.Commands += d.Commands
	c.Deliveries += d.Deliveries
	c.Views += d.Views
	c.Attempts += d.Attempts
	c.Crashes += d.Crashes
	c.Exclusions += d.Exclusions
	c.Joins += d.Joins
	c.Reloads += d.Reloads
	c.Leaves += d.Leaves
	c.Restarts += d.Restarts
	c.Missed += d.Missed
}

// world is one simulated group.
type world struct {
	options Options
	rng     *rand.Rand
	traits  traits
	counts  Counts

	nodes    []*node   // every incarnation ever; incarnation i is nodes[i-1]
	links    [][]*link // [from][to], by index in nodes
	busy     []*link   // those with messages
	registry registry
	order    order
	commands uint32 // submitted so far
}

// violation is what the checks panic with: the schedule ends where it is found.
type violation string

// Run simulates one schedule. Equal arguments give equal results.
func Run(seed uint64, options Options) (result Result) {
	w := &world{options: options, rng: rand.New(rand.NewPCG(seed, 0x1515))}
	defer func() {
		result = Result{Seed: seed, Counts: w.counts}
		switch reason := recover().(type) {
		case nil:
		case violation:
			result.Violation = string(reason)
		default:
			result.Violation = fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())
		}
		if result.Violation != "" && w.tracing() {
			w.trace("VIOLATION: %s", result.Violation)
		}
	}()
	w.begin()
	for range w.traits.steps {
		w.counts.Steps++
		w.step()
	}
	w.settle()
	w.finish()
	return result
}

// begin starts the members of the first view.
func (w *world) begin() {
	w.traits = drawTraits(w.rng, w.options)
	var first isis.View
	for i := range w.traits.members {
		n := w.start(string(rune('a' + i)))
		first.Members = append(first.Members, n.id)
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

func (w *world) tracing() bool { return w.options.Trace != nil }

func (w *world) trace(format string, args ...any) {
	w.options.Trace(fmt.Sprintf(format, args...))
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// pick returns a random element of those that pass, or nil.
func (w *world) pick(pass func(*node) bool) *node {
	var chosen *node
	seen := 0
	for _, n := range w.nodes {
		if n.alive && pass(n) {
			seen++
			if w.rng.IntN(seen) == 0 {
				chosen = n
			}
		}
	}
	return chosen
}
