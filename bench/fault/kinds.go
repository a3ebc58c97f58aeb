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
	rated  bool // it has a rate
	random []maker
}

// target is to whom a fault happens: to Fault.Nodes, to Fault.A and Fault.B, to those or all
// links, or to nobody but the registry.
type target uint8

const (
	toNodes target = iota
	toEnds
	toLinks
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
	{
		kind: Kill, form: "kill:n1@3s, kill:n1@3s+2s or kill:n1+n2@3s", to: toNodes, lasts: orStays,
		random: []maker{(*generator).kill, (*generator).killMany},
	},
	{
		kind: Leave, form: "leave:n1@3s, leave:n1@3s+2s or leave:n1+n2@3s", to: toNodes, lasts: orStays,
		random: []maker{(*generator).leave},
	},
	{kind: Restart, form: "restart:n1@6s", to: toNodes, lasts: noTime, random: []maker{(*generator).killAndRestart}},
	{kind: Pause, form: "pause:n1@3s+2s", to: toNodes, lasts: aTime, random: []maker{(*generator).pause}},
	{
		kind: Cut, form: "cut:n1-n2@3s+2s, cut:n1>n2@3s+2s, cut:n1-registry@3s+2s or cut:n1@3s+2s", to: toEnds, lasts: aTime,
		random: []maker{(*generator).cutPair, (*generator).cutOneWay, (*generator).cutFromRegistry, (*generator).isolate},
	},
	{kind: Reset, form: "reset:n1-n2@3s", to: toEnds, lasts: noTime, random: []maker{(*generator).reset}},
	{
		kind: Slow, form: "slow:n1-n2@3s+5s=3MiB/s, slow:n1>n2@3s+5s=3MiB/s, slow:n1@3s+5s=1MiB/s or slow@3s+5s=300KiB/s",
		to: toLinks, lasts: aTime, rated: true,
		random: []maker{(*generator).slowLink, (*generator).slowPort, (*generator).slowAll},
	},
	{kind: RegistryAway, form: "registry@3s+2s or registry@3s", to: toRegistry, lasts: orStays, random: []maker{(*generator).registryAway}},
	{kind: DiskFull, form: "diskfull@3s+2s", to: toRegistry, lasts: aTime, random: []maker{(*generator).diskFull}},
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

// takesNodes reports whether the fault takes nodes from the group, for a time or for good.
func (f *Fault) takesNodes() bool { return f.Kind == Kill || f.Kind == Leave }

// aboutRegistry reports whether the fault leaves the group without its registry.
func (f *Fault) aboutRegistry() bool { return f.Kind.info().to == toRegistry }
