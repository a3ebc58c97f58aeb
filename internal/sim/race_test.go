//go:build race

package sim

// How many seeds are run. The race detector makes runs slow, and there is one goroutine in each.
const (
	DefaultSeeds     = 30
	metamorphicSeeds = 1
)
