package workload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

// Invariant is what a workload promises beside the ordering checks.
type Invariant interface {
	// Order takes the next command of the order. What e refers to is valid during the call.
	Order(e *check.Entry)
	// Complete takes an operation of a client. They come in the order in which they ended.
	Complete(o *history.Op)
	// Replica takes what a node holds at the end, at a position at or after everything.
	Replica(r *Replica)
	// Miss takes a node whose state at the end could not be had.
	Miss(node, why string)
	// Finish returns what was found.
	Finish() check.Result
	// Note says in a line what all nodes hold at the end, if that is worth a line.
	Note() string
}

// Replica is what a node holds: the variables of the run at a position, sorted by their keys.
type Replica struct {
	Node     string
	Position uint64
	Items    []history.Item
}

// maxTexts bounds the violations that are kept in full.
const maxTexts = 5

// tally counts for an invariant. It ignores what an invariant does not look at.
type tally struct {
	result check.Result
	nodes  []string // whose state at the end was looked at
	at     uint64   // the position of that
}

// Order ignores the order, and so below.
func (t *tally) Order(*check.Entry)   {}
func (t *tally) Complete(*history.Op) {}
func (t *tally) Replica(*Replica)     {}
func (t *tally) Note() string         { return "" }

// Miss counts a node that could not be looked at.
func (t *tally) Miss(node, why string) {
	t.miss("what %s holds at the end is not known: %s", node, why)
}

func (t *tally) violate(format string, args ...any) {
	t.result.Violations++
	t.tell("violation: ", format, args...)
}

func (t *tally) miss(format string, args ...any) {
	t.result.Unchecked++
	t.tell("could not check: ", format, args...)
}

func (t *tally) tell(prefix, format string, args ...any) {
	if len(t.result.Texts) < maxTexts {
		t.result.Texts = append(t.result.Texts, prefix+fmt.Sprintf(format, args...))
	}
}

// reached notes a node, and reports whether it is looked at where the others are.
func (t *tally) reached(r *Replica) bool {
	t.result.Events++
	if len(t.nodes) > 0 && r.Position != t.at {
		t.violate("%s is looked at at position %d, and others at %d", r.Node, r.Position, t.at)
		return false
	}
	t.nodes, t.at = append(t.nodes, r.Node), r.Position
	return true
}

// where names the nodes that were looked at, sorted. One that was started again is still n1.
func (t *tally) where() string {
	var names []string
	for _, node := range t.nodes {
		name, _, _ := strings.Cut(node, "#")
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
