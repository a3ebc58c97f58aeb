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
	faultKinds
)

var faultNames = [faultKinds]string{
	"crash", "crash of a donor", "crash of a joiner", "crash in a flush", "restart", "restart without proof", "new address",
	"pause", "slow node", "clock jump", "clock rate", "partition", "cut link", "cut one way", "deaf member", "reset link",
	"lag", "cut from registry", "registry crash", "registry disk full", "stuck member", "stuck leader", "partial join",
	"slow join", "second process", "leave", "cut client", "late request", "mail lost", "mail doubled", "mail late",
	"total loss", "cut at a commit",
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
					w.at(at, func() { w.strike(k) })
				}
				break
			}
		}
	}
	if w.traits.totalLoss && !w.options.Without.Has(TotalLoss) {
		w.at(w.traits.horizon/2, w.loseAll)
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

// until ends a fault after some time, or when all faults end.
func (w *world) until(undo func()) {
	over := false
	once := func() {
		if !over {
			over = true
			undo()
		}
	}
	w.after(min(w.lasting(), max(w.traits.horizon-w.now, 0)), once)
}

// victim is a random process that runs and passes.
func (w *world) victim(pass func(*process) bool) *process {
	var chosen *process
	seen := 0
	for _, p := range w.processes {
		if p.alive && pass(p) {
			if seen++; w.faults.IntN(seen) == 0 {
				chosen = p
			}
		}
	}
	return chosen
}

// dispensable tells whether the group keeps its state without a process, whether
// or not the attempt under way commits.
func (w *world) dispensable(p *process) bool {
	r := p.current
	if r == nil || r.over {
		return true
	}
	for _, view := range w.registry.possible() {
		found := false
		for _, m := range view.Members {
			other := w.replica(m.Incarnation)
			found = found || other != r && other.holdsState()
		}
		if !found {
			return false
		}
	}
	return true
}

// replica is the latest run of an incarnation, nil if nothing of it has begun.
func (w *world) replica(incarnation uint64) *replica {
	if incarnation < uint64(len(w.replicas)) {
		return w.replicas[incarnation]
	}
	return nil
}

// holdsState tells whether the replica has all that the last view ended with.
func (r *replica) holdsState() bool {
	return r != nil && !r.over && r.p.alive && r.p.crashIn == 0 && !r.leaving && r.serving
}

// strikeDown has a process crash, now or within its next steps.
func (w *world) strikeDown() bool {
	p := w.victim(w.dispensable)
	if p == nil {
		return false
	}
	now := w.faults.IntN(2) == 0
	if now {
		p.crash(w.faults.IntN(2) == 0)
	} else {
		p.crashIn = 1 + w.faults.IntN(20)
	}
	if p.host != nil {
		w.planRestart(p.host)
	}
	return now // otherwise it is counted when it happens
}

// ambush is where a fault waits for a process that comes to a certain point. It
// tells whether the process has crashed.
func (p *process) ambush(k Fault) bool {
	w := p.w
	if !w.ambushes.Has(k) || w.healed || w.faults.IntN(3) > 0 || !w.dispensable(p) {
		return false
	}
	w.ambushes &^= 1 << k
	w.counts.Faults[k]++
	p.crash(w.faults.IntN(2) == 0)
	if p.host != nil {
		w.planRestart(p.host)
	}
	return true
}

// planRestart has a host's process come back some time, perhaps only when faults
// have stopped.
func (w *world) planRestart(h *host) {
	if w.faults.IntN(6) == 0 {
		return
	}
	kind := Restart
	if w.faults.IntN(3) == 0 && !w.options.Without.Has(RestartUnproved) {
		kind = RestartUnproved
	}
	w.after(w.lasting()+w.traits.detection/16, func() {
		if h.run == nil {
			w.counts.Faults[kind]++
			h.start(kind == Restart)
		}
	})
}

// move has a node come back at another address.
func (w *world) move() bool {
	p := w.victim(func(p *process) bool { return p.host != nil && w.dispensable(p) })
	if p == nil {
		return false
	}
	h := p.host
	p.crash(true)
	h.port++
	w.planRestart(h)
	return true
}

func (w *world) strikeProcess(k Fault) bool {
	p := w.victim(func(p *process) bool {
		r := p.current
		switch k {
		case StuckLeader:
			return r != nil && !p.stuck && r.core.Attempt() != 0 && r.directive.leads(r.core.Attempt(), r.self.Incarnation)
		case Pause:
			return !p.paused
		case ClockRate:
			return w.traits.drift > 0
		}
		return true
	})
	if p == nil {
		return false
	}
	if w.tracing() {
		w.trace("fault: %s %s", k, p)
	}
	switch k {
	case Pause:
		p.paused = true
		w.until(p.resume)
	case Slow:
		p.pace = w.traits.detection / time.Duration(10+w.faults.IntN(200))
		w.until(func() { p.pace = w.traits.pace })
	case Stuck, StuckLeader:
		p.stuck = true
		w.until(func() {
			p.stuck = false
			if p.current != nil {
				p.current.wakeTurn()
			}
		})
	case ClockJump:
		p.setClock(w.lasting(), p.rate)
	case ClockRate:
		p.setClock(0, w.traits.rate(w.faults))
	}
	return true
}

// startTwin starts a second process of an id, which has no proof that there is
// no other.
func (w *world) startTwin() bool {
	p := w.victim(func(p *process) bool { return p.host != nil })
	if p == nil || w.byAddr[p.id+":9999"] != nil {
		return false
	}
	if w.victim(func(p *process) bool { return p.host == nil }) != nil {
		return false
	}
	twin := w.newProcess(p.id, w.twinSite(), 9999)
	if w.tracing() {
		w.trace("fault: a second process of %s", p.id)
	}
	twin.register()
	return true
}

func (w *world) strikeLeave() bool {
	p := w.victim(func(p *process) bool { return p.current != nil && !p.leaving && w.dispensable(p) })
	if p == nil {
		return false
	}
	p.leave()
	return true
}

// loseAll ends every process within a short time.
func (w *world) loseAll() {
	w.counts.Faults[TotalLoss]++
	for _, p := range w.processes {
		if p.alive {
			w.after(upTo(w.faults, w.traits.detection/2), func() { p.crash(true) })
			if p.host != nil {
				w.planRestart(p.host)
			}
		}
	}
}
