package sim

import (
	"fmt"
	"strings"
	"time"
)

// line is a line of a report.
type line struct {
	name  string
	count uint64
	must  bool // a run that is long enough has some
}

// lines are what runs have covered.
func lines(c *Counts) []line {
	all := []line{
		{"events", c.Events, true},
		{"operations of clients answered", c.Operations, true},
		{"  written asynchronously", c.Async, true},
		{"  refused before their predecessor", c.OutOfOrder, true},
		{"  of unknown outcome", c.Unknown, true},
		{"  tried again", c.Retries, true},
		{"  answered from the first time", c.Repeats, true},
		{"  sessions lost", c.Lost, true},
		{"  sessions opened and forgotten", c.Leaked, true},
		{"  sessions refused to such a client", c.Crowded, true},
		{"reads answered by nodes", c.Reads, true},
		{"  after they had waited", c.Woken, true},
		{"  strong, with a shared barrier", c.Shared, true},
		{"  whose time was up", c.LateReads, true},
		{"writes whose time was up", c.LateWrites, false},
		{"commands in the order", c.Commands, true},
		{"messages between members", c.Messages, true},
		{"attempts at a view", c.Attempts, true},
		{"views", c.Views, true},
		{"  of a new generation", c.Generations, true},
		{"exclusions of nodes that run", c.Exclusions, true},
		{"snapshots loaded", c.Snapshots, true},
		{"  deliveries between chunks", c.Between, true},
		{"  rests of the donor", c.Rests, true},
		{"  backlogs applied", c.Backlogs, true},
		{"  heads said again", c.Heads, true},
		{"  outrun by the deliveries", c.Outrun, true},
		{"  too slow, cut off", c.Lagged, true},
		{"  refused by the donor", c.Refused, true},
		{"  given up, since not reached", c.Unreached, false},
		{"  donors crashed meanwhile", c.DonorsLost, true},
		{"  joiners crashed meanwhile", c.JoinersLost, true},
		{"directives outdated", c.Outdated, true},
		{"  by another registry process", c.Deposed, true},
		{"members that missed a view", c.Missed, false},
		{"nodes that left", c.Left, true},
		{"nodes not let go in their time", c.NotLetGo, true},
		{"links resumed", c.Resumed, true},
		{"links dead until the next view", c.DeadLinks, true},
		{"leases run out", c.Lapses, true},
		{"  in doubt, by the wall's clock", c.Doubts, true},
		{"audits", c.Audits, true},
		{"replicas that found damage", c.Damaged, true},
		{"  as donors", c.DamagedDonors, true},
		{"histories judged by porcupine", c.Linear, true},
	}
	for f := range faultKinds {
		all = append(all, line{"fault: " + f.String(), c.Faults[f], true})
	}
	return all
}

// Report is a table of what runs have covered.
func Report(c *Counts, seeds uint64, took time.Duration, cores int) string {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-36s %14v\n", name, value) }
	row("seeds", seeds)
	row("seeds a minute and core", int(float64(seeds)/took.Minutes()/float64(cores)))
	row("time simulated", c.Virtual.Round(time.Second))
	for _, l := range lines(c) {
		row(l.name, l.count)
	}
	return b.String()
}

// Missing names what did not occur and must in a run that is long enough: faults, and
// what they bring about.
func Missing(c *Counts) []string {
	var missing []string
	for _, l := range lines(c) {
		if l.count == 0 && l.must {
			missing = append(missing, strings.TrimSpace(l.name))
		}
	}
	return missing
}
