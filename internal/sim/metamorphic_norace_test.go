//go:build !race

package sim

const metamorphicSeeds = 8
