package sim

import (
	"fmt"
	"strings"
	"time"
)

// Report is a table of what runs have covered.
func Report(c *Counts, seeds uint64, took time.Duration, cores int) string {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-34s %14v\n", name, value) }
	row("seeds", seeds)
	row("seeds a minute and core", int(float64(seeds)/took.Minutes()/float64(cores)))
	row("time simulated", c.Virtual.Round(time.Second))
	row("events", c.Events)
	row("operations of clients answered", c.Operations)
	row("  written asynchronously", c.Async)
	row("  refused before their predecessor", c.OutOfOrder)
	row("  of unknown outcome", c.Unknown)
	row("  tried again", c.Retries)
	row("  answered from the first time", c.Repeats)
	row("  sessions lost", c.Lost)
	row("  sessions opened and forgotten", c.Leaked)
	row("  sessions refused to such a client", c.Crowded)
	row("commands in the order", c.Commands)
	row("messages between members", c.Messages)
	row("attempts at a view", c.Attempts)
	row("views", c.Views)
	row("  of a new generation", c.Generations)
	row("exclusions of nodes that run", c.Exclusions)
	row("snapshots loaded", c.Snapshots)
	row("  too slow, begun anew", c.Lagged)
	row("  donors crashed meanwhile", c.DonorsLost)
	row("  joiners crashed meanwhile", c.JoinersLost)
	row("directives outdated", c.Outdated)
	row("  by another registry process", c.Deposed)
	row("members that missed a view", c.Missed)
	row("links resumed", c.Resumed)
	row("links dead until the next view", c.DeadLinks)
	row("leases run out", c.Lapses)
	row("nodes not let go in their time", c.NotLetGo)
	row("audits", c.Audits)
	row("replicas that found damage", c.Damaged)
	row("  as donors", c.Refused)
	row("histories judged by porcupine", c.Linear)
	for f := range faultKinds {
		row("fault: "+f.String(), c.Faults[f])
	}
	return b.String()
}

// Missing names the kinds of faults, and of what they are to bring about, that did
// not occur.
func Missing(c *Counts) []string {
	var missing []string
	for f := range faultKinds {
		if c.Faults[f] == 0 {
			missing = append(missing, f.String())
		}
	}
	for name, n := range map[string]uint64{
		"exclusion of a node that runs": c.Exclusions, "joiner too slow": c.Lagged, "donor crashed in a transfer": c.DonorsLost,
		"joiner crashed in a transfer": c.JoinersLost, "link resumed": c.Resumed, "dead link": c.DeadLinks, "lease run out": c.Lapses,
		"session lost": c.Lost, "new generation": c.Generations, "write repeated": c.Repeats, "unknown outcome": c.Unknown,
		"asynchronous write": c.Async, "write refused before its predecessor": c.OutOfOrder, "session refused to a client that has too many": c.Crowded, "audit": c.Audits, "damage found": c.Damaged, "damage found by a donor": c.Refused, "directive of a deposed registry": c.Deposed, "node that left": c.Left, "node that was not let go": c.NotLetGo,
	} {
		if n == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}
