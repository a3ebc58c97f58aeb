package sim

import (
	"reflect"
	"time"
)

// Counts tell what a run covered.
type Counts struct {
	Virtual       time.Duration
	Events        uint64
	Turns         uint64
	Messages      uint64 // between members
	Commands      uint64 // in the order
	Operations    uint64 // of clients, answered
	Async         uint64 // of these, written through a pipeline
	OutOfOrder    uint64 // writes refused before their predecessor
	Leaked        uint64 // sessions that a client opened and forgot
	Crowded       uint64 // sessions refused to a client that had too many
	Unknown       uint64 // of unknown outcome: given up
	GivenUp       uint64 // certainly without effect
	Reads         uint64 // answered by nodes
	Woken         uint64 // of these, after they had waited
	LateReads     uint64 // whose time was up
	LateWrites    uint64
	Shared        uint64 // strong reads that shared a barrier
	Retries       uint64 // attempts after the first
	Repeats       uint64 // commands in the order again
	Views         uint64
	Attempts      uint64
	Entered       uint64
	Exclusions    uint64 // of incarnations that ran and did not leave
	Snapshots     uint64 // loaded
	Between       uint64 // deliveries between two chunks
	Backlogs      uint64 // applied after a snapshot
	Heads         uint64 // said again
	Rests         uint64 // of donors
	Outrun        uint64 // transfers of which the deliveries were faster
	Lagged        uint64 // joiners that fell too far behind
	Refused       uint64 // joiners, by a donor
	Unreached     uint64 // joiners that gave up for that
	DonorsLost    uint64 // crashed in a transfer
	JoinersLost   uint64
	Outdated      uint64 // directives that came after newer ones
	Deposed       uint64 // of those: of a registry process before the last
	Missed        uint64 // members that had to start over
	Resumed       uint64 // links that went on over another connection
	DeadLinks     uint64
	Lapses        uint64 // of leases
	Doubts        uint64 // leases that ran out by the clock on the wall alone
	Left          uint64
	NotLetGo      uint64 // in their time
	Expired       uint64 // sessions
	Lost          uint64 // sessions that were told of it
	Generations   uint64
	Forced        uint64 // generations that an operator began
	Audits        uint64
	Damaged       uint64 // replicas that found their state damaged
	DamagedDonors uint64 // of these, while they sent it
	Linear        uint64 // histories that porcupine has judged
	Faults        [faultKinds]uint64
}

// Add adds the counts of another run.
func (c *Counts) Add(d *Counts) {
	c.Virtual += d.Virtual
	for k := range c.Faults {
		c.Faults[k] += d.Faults[k]
	}
	sum, other := reflect.ValueOf(c).Elem(), reflect.ValueOf(d).Elem()
	for i := range sum.NumField() {
		if f := sum.Field(i); f.Kind() == reflect.Uint64 {
			f.SetUint(f.Uint() + other.Field(i).Uint())
		}
	}
}
