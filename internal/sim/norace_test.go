//go:build !race

package sim

// How many seeds are run.
const (
	DefaultSeeds     = 500
	metamorphicSeeds = 8
)
