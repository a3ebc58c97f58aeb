package sim

import (
	"fmt"
	"strings"
	"time"
)

// Fault is a kind of fault.
type Fault int

// The kinds of faults.
const (
	Crash           Fault = iota // of a node's process, at any step
	CrashDonor                   // while it sends a snapshot
	CrashJoiner                  // while it loads one
	CrashFlush                   // of a member of an attempt, while it is under way
	Restart                      // with the identity directory: the process before is proved dead
	RestartUnproved              // without
	NewAddress                   // the node comes back elsewhere
	Pause                        // and resume
	Slow                         // a process
	ClockJump                    // ahead
	ClockRate                    // within the bounds of drift
	Partition                    // of the nodes into two groups
	CutLink                      // between two nodes, both ways
	CutOneWay                    // between two nodes
	Deaf                         // a node hears no other
	Reset                        // of all connections between two nodes, which resume
	Lag                          // of one way of the network
	CutRegistry                  // from one node
	CrashRegistry                // between any two steps, and its restart
	DiskFull                     // of the registry
	Stuck                        // a member that sends heartbeats, and nothing else happens
	StuckLeader                  // the same, the leader of an attempt
	PartialJoin                  // a joiner that does not reach one of the members
	SlowJoin                     // a joiner that never catches up
	Twin                         // a second process of an id
	Leave                        // and return
	CutClient                    // connections of a client break, and its requests come late
	LateRequest                  // a request comes again
	MailLost                     // to or from the registry
	MailDoubled                  //
	MailLate                     //
	TotalLoss                    // every member ends
	CutAtCommit                  // the registry is cut from all nodes once it has saved a view
	LostRegistry                 // its directory is lost: it starts again as that of another group
	DamagedMemory                // of a member
	ClockSet                     // the one on the wall, forward or back
	Sleep                        // of a machine
	OtherTimes                   // a registry is started again with other times
	faultKinds
)

// weighted are the kinds that a seed gives weights to. Later ones have traits of
// their own, so that seeds stay what they are.
const weighted = CutAtCommit + 1

var faultNames = [faultKinds]string{
	"crash", "crash of a donor", "crash of a joiner", "crash in a flush", "restart", "restart without proof", "new address",
	"pause", "slow node", "clock jump", "clock rate", "partition", "cut link", "cut one way", "deaf member", "reset link",
	"lag", "cut from registry", "registry crash", "registry disk full", "stuck member", "stuck leader", "partial join",
	"slow join", "second process", "leave", "cut client", "late request", "mail lost", "mail doubled", "mail late",
	"total loss", "cut at a commit", "registry directory lost", "damaged memory",
	"clock on the wall set", "sleep of a machine", "registry with other times",
}

func (f Fault) String() string { return faultNames[f] }

// Faults is a set of kinds of faults.
type Faults uint64

// Has tells whether a kind is in the set.
func (s Faults) Has(f Fault) bool { return s&(1<<f) != 0 }

// With is the set with a kind added.
func (s Faults) With(f Fault) Faults { return s | 1<<f }

func (s Faults) String() string {
	var names []string
	for f := range faultKinds {
		if s.Has(f) {
			names = append(names, f.String())
		}
	}
	return strings.Join(names, ", ")
}

// planned are the kinds that come by a plan; the others follow from them, or
// happen by chance to messages.
var planned = []Fault{
	Crash, CrashDonor, CrashJoiner, CrashFlush, NewAddress, Pause, Slow, ClockJump, ClockRate, Partition, CutLink, CutOneWay,
	Deaf, Reset, Lag, CutRegistry, CrashRegistry, DiskFull, Stuck, StuckLeader, PartialJoin, SlowJoin, Twin, Leave, CutClient, CutAtCommit,
}

// planFaults decides when faults come, and of which kind. Each finds its victim
// when it comes.
func (w *world) planFaults() {
	total := 0.0
	for _, k := range planned {
		total += w.traits.weights[k]
	}
	if total == 0 {
		return
	}
	for at := 2 * w.traits.latency; ; {
		at += time.Duration(w.faults.ExpFloat64() * float64(w.traits.every))
		if at >= w.traits.horizon {
			break
		}
		choice := w.faults.Float64() * total
		for _, k := range planned {
			if choice -= w.traits.weights[k]; choice < 0 {
				if !w.options.Without.Has(k) {
					w.At(at, func() { w.strike(k) })
				}
				break
			}
		}
	}
	if w.traits.totalLoss && !w.options.Without.Has(TotalLoss) {
		w.At(w.traits.horizon/2, w.loseAll)
	}
	if w.traits.lostRegistry && !w.options.Without.Has(LostRegistry) {
		w.At(w.traits.horizon/3, w.registry.lose)
	}
}

// strike lets a fault happen, if there is a victim for it.
func (w *world) strike(k Fault) {
	done := false
	switch k {
	case Crash:
		done = w.strikeDown()
	case CrashDonor, CrashJoiner, CrashFlush, CutAtCommit:
		w.ambushes = w.ambushes.With(k)
	case NewAddress:
		done = w.move()
	case Pause, Slow, Stuck, StuckLeader, ClockJump, ClockRate:
		done = w.strikeProcess(k)
	case Partition, CutLink, CutOneWay, Deaf, Lag, CutRegistry, PartialJoin, SlowJoin, Reset, CutClient:
		done = w.strikeNetwork(k)
	case CrashRegistry, DiskFull:
		done = w.registry.strike(k)
	case Twin:
		done = w.startTwin()
	case Leave:
		done = w.strikeLeave()
	default:
		panic(fmt.Sprintf("sim: no plan for %s", k))
	}
	if done {
		w.counts.Faults[k]++
	}
}

// lasting is for how long a fault lasts: mostly about the detection time.
func (w *world) lasting() time.Duration {
	d := w.traits.detection
	switch w.faults.IntN(4) {
	case 0:
		return upTo(w.faults, d/4)
	case 1:
		return between(w.faults, d, 5*d)
	default:
		return upTo(w.faults, 2*d)
	}
}

// until ends a fault after some time, or when all faults end. Where the registry may not
// exclude anybody some last for so long that writes do not wait for their end.
func (w *world) until(undo func()) {
	lasts := w.lasting()
	if w.traits.minMembers > 1 && w.faults.IntN(4) == 0 {
		lasts = w.traits.horizon
	}
	over := false
	once := func() {
		if !over {
			over = true
			undo()
		}
	}
	w.After(min(lasts, max(w.traits.horizon-w.Now, 0)), once)
}
