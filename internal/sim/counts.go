package sim

import "time"

// Counts tell what a run covered.
type Counts struct {
	Virtual     time.Duration
	Events      uint64
	Turns       uint64
	Messages    uint64 // between members
	Commands    uint64 // in the order
	Operations  uint64 // of clients, answered
	Async       uint64 // of these, written through a pipeline
	OutOfOrder  uint64 // writes refused before their predecessor
	Leaked      uint64 // sessions that a client opened and forgot
	Crowded     uint64 // sessions refused to a client that had too many
	Unknown     uint64 // of unknown outcome: given up
	GivenUp     uint64 // certainly without effect
	Reads       uint64 // answered by nodes
	Retries     uint64 // attempts after the first
	Repeats     uint64 // commands in the order again
	Views       uint64
	Attempts    uint64
	Entered     uint64
	Exclusions  uint64 // of incarnations that ran and did not leave
	Snapshots   uint64 // loaded
	Lagged      uint64 // joiners that fell too far behind
	DonorsLost  uint64 // crashed in a transfer
	JoinersLost uint64
	Outdated    uint64 // directives that came after newer ones
	Deposed     uint64 // of those: of a registry process before the last
	Missed      uint64 // members that had to start over
	Resumed     uint64 // links that went on over another connection
	DeadLinks   uint64
	Lapses      uint64 // of leases
	Left        uint64
	NotLetGo    uint64 // in their time
	Expired     uint64 // sessions
	Lost        uint64 // sessions that were told of it
	Generations uint64
	Forced      uint64 // generations that an operator began
	Audits      uint64
	Damaged     uint64 // replicas that found their state damaged
	Refused     uint64 // joiners, by a donor that did
	Linear      uint64 // histories that porcupine has judged
	Faults      [faultKinds]uint64
}

// Add adds the counts of another run.
func (c *Counts) Add(d *Counts) {
	c.Virtual += d.Virtual
	for _, p := range [...][2]*uint64{
		{&c.Events, &d.Events},
		{&c.Turns, &d.Turns},
		{&c.Messages, &d.Messages},
		{&c.Commands, &d.Commands},
		{&c.Operations, &d.Operations},
		{&c.Async, &d.Async},
		{&c.OutOfOrder, &d.OutOfOrder},
		{&c.Leaked, &d.Leaked},
		{&c.Crowded, &d.Crowded},
		{&c.Unknown, &d.Unknown},
		{&c.GivenUp, &d.GivenUp},
		{&c.Reads, &d.Reads},
		{&c.Retries, &d.Retries},
		{&c.Repeats, &d.Repeats},
		{&c.Views, &d.Views},
		{&c.Attempts, &d.Attempts},
		{&c.Entered, &d.Entered},
		{&c.Exclusions, &d.Exclusions},
		{&c.Snapshots, &d.Snapshots},
		{&c.Lagged, &d.Lagged},
		{&c.DonorsLost, &d.DonorsLost},
		{&c.JoinersLost, &d.JoinersLost},
		{&c.Missed, &d.Missed},
		{&c.Outdated, &d.Outdated},
		{&c.Deposed, &d.Deposed},
		{&c.Resumed, &d.Resumed},
		{&c.DeadLinks, &d.DeadLinks},
		{&c.Lapses, &d.Lapses},
		{&c.Left, &d.Left},
		{&c.NotLetGo, &d.NotLetGo},
		{&c.Expired, &d.Expired},
		{&c.Lost, &d.Lost},
		{&c.Generations, &d.Generations},
		{&c.Forced, &d.Forced},
		{&c.Audits, &d.Audits},
		{&c.Damaged, &d.Damaged},
		{&c.Refused, &d.Refused},
		{&c.Linear, &d.Linear},
	} {
		*p[0] += *p[1]
	}
	for k := range c.Faults {
		c.Faults[k] += d.Faults[k]
	}
}
