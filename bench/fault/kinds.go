package fault

import (
	"slices"
	"time"
)

// kindInfo is what is known of a kind of fault.
type kindInfo struct {
	kind   Kind
	form   string // how it is written, for those who did not
	to     target
	lasts  length
	random []maker
}

// target is to whom a fault happens: to Fault.Nodes, to Fault.A and Fault.B, or to nobody
// but the registry.
type target uint8

const (
	toNodes target = iota
	toEnds
	toRegistry
)

// length is for how long a fault lasts: it is over at once, or it lasts for a time, or it
// stays where it has none.
type length uint8

const (
	noTime length = iota
	aTime
	orStays
)

// maker makes faults for a random schedule, from a time on and upon some of the nodes
// given, which are in random order. It returns nothing where there are too few.
type maker = func(g *generator, at time.Duration, free []string) []Fault

// kinds is the table of kinds, in the order in which people are told of them.
var kinds = []kindInfo{
	{Kill, "kill:n1@3s, kill:n1@3s+2s or kill:n1+n2@3s", toNodes, orStays, []maker{(*generator).kill, (*generator).killMany}},
	{Restart, "restart:n1@6s", toNodes, noTime, []maker{(*generator).killAndRestart}},
	{Pause, "pause:n1@3s+2s", toNodes, aTime, []maker{(*generator).pause}},
	{
		Cut, "cut:n1-n2@3s+2s, cut:n1>n2@3s+2s, cut:n1-registry@3s+2s or cut:n1@3s+2s", toEnds, aTime,
		[]maker{(*generator).cutPair, (*generator).cutOneWay, (*generator).cutFromRegistry, (*generator).isolate},
	},
	{Reset, "reset:n1-n2@3s", toEnds, noTime, []maker{(*generator).reset}},
	{RegistryAway, "registry@3s+2s or registry@3s", toRegistry, orStays, []maker{(*generator).registryAway}},
	{DiskFull, "diskfull@3s+2s", toRegistry, aTime, []maker{(*generator).diskFull}},
}

// Kinds returns the names of all kinds of faults.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i := range kinds {
		names[i] = string(kinds[i].kind)
	}
	return names
}

// info returns what is known of a kind, nothing if it is none.
func (k Kind) info() kindInfo {
	if i := slices.IndexFunc(kinds, func(info kindInfo) bool { return info.kind == k }); i >= 0 {
		return kinds[i]
	}
	return kindInfo{}
}

// aboutRegistry reports whether the fault leaves the group without its registry.
func (f *Fault) aboutRegistry() bool { return f.Kind.info().to == toRegistry }
