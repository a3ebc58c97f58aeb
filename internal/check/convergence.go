package check

import "fmt"

// Convergence compares the digests that nodes have of their state at one
// position.
type Convergence struct {
	tally
	name     string // the first node
	position uint64
	digest   uint64
}

// NewConvergence returns the check.
func NewConvergence() *Convergence { return &Convergence{tally: tally{name: "convergence"}} }

// Digest takes a node's digest of its state at a position.
func (c *Convergence) Digest(node string, position, digest uint64) {
	c.events++
	switch {
	case c.events == 1:
		c.name, c.position, c.digest = node, position, digest
	case position != c.position:
		c.miss("%s told its digest at position %d, %s at %d", node, position, c.name, c.position)
	case digest != c.digest:
		c.violate("at position %d the state of %s has digest %016x, that of %s %016x",
			position, node, digest, c.name, c.digest)
	}
}

// Miss tells that the digest of a live node could not be had.
func (c *Convergence) Miss(node, why string) { c.miss("no digest of %s: %s", node, why) }

// Finish returns what was found.
func (c *Convergence) Finish() Result {
	return c.result(fmt.Sprintf("the states of all nodes at position %d", c.position),
		"a digest of each state")
}
