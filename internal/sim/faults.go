package sim

import (
	"strings"
	"time"
)

// Fault is a kind of fault.
type Fault int

// The kinds of faults. What they are called and do is in the table of kinds.
const (
	Crash Fault = iota
	CrashDonor
	CrashJoiner
	CrashFlush
	Restart
	RestartUnproved
	NewAddress
	Pause
	Slow
	ClockJump
	ClockRate
	Partition
	CutLink
	CutOneWay
	Deaf
	Reset
	Lag
	CutRegistry
	CrashRegistry
	DiskFull
	Stuck
	StuckLeader
	PartialJoin
	SlowJoin
	Twin
	Leave
	CutClient
	LateRequest
	MailLost
	MailDoubled
	MailLate
	TotalLoss
	CutAtCommit
	LostRegistry
	DamagedMemory
	ClockSet
	Sleep
	OtherTimes
	NarrowPorts
	SlowLink
	SlowPort
	SlowDisk
	Theft
	faultKinds
)

// weighted are the kinds that a seed gives weights to. Later ones have traits of
// their own.
const weighted = CutAtCommit + 1

// kind is what is known of a kind of fault. Either a plan has it, and strike lets it happen
// if there is a victim for it, and reports whether it has; or it comes from elsewhere.
type kind struct {
	name      string
	strike    func(w *world, k Fault) bool
	elsewhere string
}

// kinds is the table of kinds. It is made at the start, since what faults do names them.
var kinds [faultKinds]kind

func init() {
	kinds = [faultKinds]kind{
		Crash:           {name: "crash", strike: (*world).strikeDown}, // of a node's process, at any step
		CrashDonor:      {name: "crash of a donor", strike: (*world).lieInWait},
		CrashJoiner:     {name: "crash of a joiner", strike: (*world).lieInWait},
		CrashFlush:      {name: "crash in a flush", strike: (*world).lieInWait}, // of a member of an attempt, while it is under way
		Restart:         {name: "restart", elsewhere: "after a crash, with the identity directory: the process before is proved dead"},
		RestartUnproved: {name: "restart without proof", elsewhere: "after a crash"},
		NewAddress:      {name: "new address", strike: (*world).move},
		Pause:           {name: "pause", strike: processFault((*process).running, (*process).freeze)},
		Slow:            {name: "slow node", strike: processFault((*process).any, (*process).slow)},
		ClockJump:       {name: "clock jump", strike: processFault((*process).any, (*process).jump)}, // ahead
		ClockRate:       {name: "clock rate", strike: processFault((*process).drifts, (*process).drift)},
		Partition:       {name: "partition", strike: pairFault((*world).partition)}, // of the nodes into two groups
		CutLink:         {name: "cut link", strike: pairFault((*world).cutLink)},
		CutOneWay:       {name: "cut one way", strike: pairFault((*world).cutOneWay)},
		Deaf:            {name: "deaf member", strike: pairFault((*world).deafen)},      // it hears no other
		Reset:           {name: "reset link", strike: pairFault((*world).resetBetween)}, // its connections, which resume
		Lag:             {name: "lag", strike: pairFault((*world).slowDown)},            // of one way of the network
		CutRegistry:     {name: "cut from registry", strike: (*world).cutRegistry},
		CrashRegistry:   {name: "registry crash", strike: (*world).crashRegistry}, // between any two steps, and its restart
		DiskFull:        {name: "registry disk full", strike: (*world).fillDisk},
		Stuck:           {name: "stuck member", strike: processFault((*process).any, (*process).stick)}, // it sends heartbeats, and nothing else happens
		StuckLeader:     {name: "stuck leader", strike: processFault((*process).leads, (*process).stick)},
		PartialJoin:     {name: "partial join", strike: joinFault((*world).cutJoiner)}, // it does not reach one of the members
		SlowJoin:        {name: "slow join", strike: joinFault((*world).slowJoiner)},   // it never catches up
		Twin:            {name: "second process", strike: (*world).startTwin},          // of an id
		Leave:           {name: "leave", strike: (*world).strikeLeave},                 // and return
		CutClient:       {name: "cut client", strike: (*world).cutClient},              // its connections break, and its requests come late
		LateRequest:     {name: "late request", elsewhere: "by chance: a request comes again"},
		MailLost:        {name: "mail lost", elsewhere: "by chance, to or from the registry"},
		MailDoubled:     {name: "mail doubled", elsewhere: "by chance"},
		MailLate:        {name: "mail late", elsewhere: "by chance"},
		TotalLoss:       {name: "total loss", elsewhere: "once in some seeds: every member ends"},
		CutAtCommit:     {name: "cut at a commit", strike: (*world).lieInWait}, // the registry, from all nodes once it has saved a view
		LostRegistry:    {name: "registry directory lost", elsewhere: "once in some seeds: it starts again as that of another group"},
		DamagedMemory:   {name: "damaged memory", elsewhere: "in some seeds, of a member"},
		ClockSet:        {name: "clock on the wall set", elsewhere: "in some seeds, forward or back"},
		Sleep:           {name: "sleep of a machine", elsewhere: "in some seeds"},
		OtherTimes:      {name: "registry with other times", elsewhere: "in some seeds, where a registry is started again"},
		NarrowPorts:     {name: "narrow ports", elsewhere: "in some seeds, of all nodes, and to the end"},
		SlowLink:        {name: "slow link", elsewhere: "in some seeds with narrow ports"}, // between two
		SlowPort:        {name: "slow port", elsewhere: "in some seeds with narrow ports"}, // of one
		Theft:           {name: "theft of a session", elsewhere: "in some seeds, by a client that knows the id of another's"},
		SlowDisk:        {name: "registry disk slow", elsewhere: "in some seeds with narrow ports"},
	}
}

func (f Fault) String() string { return kinds[f].name }

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

// planFaults decides when faults come, and of which kind. Each finds its victim
// when it comes.
func (w *world) planFaults() {
	total := 0.0
	for k := range weighted {
		if kinds[k].strike != nil {
			total += w.traits.weights[k]
		}
	}
	if total == 0 {
		return
	}
	for at := 2 * w.traits.latency; ; {
		at += time.Duration(w.random.plan.ExpFloat64() * float64(w.traits.every))
		if at >= w.traits.horizon {
			break
		}
		choice := w.random.plan.Float64() * total
		for k := range weighted {
			if kinds[k].strike == nil {
				continue
			}
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

// strike lets a fault happen, and counts it.
func (w *world) strike(k Fault) {
	if kinds[k].strike(w, k) {
		w.counts.Faults[k]++
	}
}

// lieInWait has a fault happen when a process comes to a certain point, where it is counted.
func (w *world) lieInWait(k Fault) bool {
	w.ambushes = w.ambushes.With(k)
	return false
}

// lasting is for how long a fault lasts: mostly about the detection time.
func (w *world) lasting() time.Duration {
	d := w.traits.detection
	switch w.random.faults.IntN(4) {
	case 0:
		return upTo(w.random.faults, d/4)
	case 1:
		return between(w.random.faults, d, 5*d)
	default:
		return upTo(w.random.faults, 2*d)
	}
}

// until ends a fault after some time, or when all faults end. Where the registry may not
// exclude anybody some last for so long that writes do not wait for their end.
func (w *world) until(undo func()) {
	lasts := w.lasting()
	if w.traits.minMembers > 1 && w.random.faults.IntN(4) == 0 {
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
