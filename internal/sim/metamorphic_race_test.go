//go:build race

package sim

const metamorphicSeeds = 1 // as for defaultSeeds
