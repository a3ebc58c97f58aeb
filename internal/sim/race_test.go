//go:build race

package sim_test

// The race detector makes runs slow, and there is one goroutine in each.
const defaultSeeds = 30
