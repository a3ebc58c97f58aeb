package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// registry is a host of the registry's keeper, as package registry is one: a process with
// a disk that may be full, and may be killed between any two things that it does.
type registry struct {
	w       *world
	keeper  *keeper.Keeper
	disk    membership.State // what survives
	up      bool
	full    bool          // the disk is: nothing can be saved
	saves   time.Duration // it takes to save
	busy    time.Duration // until when it saves
	waiting []func()      // what it does then
	begun   time.Duration // of this process
	boots   uint64        // processes so far
	ticks   bool          // it is to
	crashIn int
}

// brink is a point at which the registry may crash.
func (g *registry) brink() {
	if g.crashIn == 0 {
		return
	}
	if g.crashIn--; g.crashIn == 0 {
		g.w.counts.Faults[CrashRegistry]++
		g.crash()
		panic(crashed{})
	}
}

func newRegistry(w *world) *registry {
	g := &registry{w: w, disk: membership.NewState(7, w.traits.base, w.settings()).WithSecret(membership.Key{7})}
	g.start()
	return g
}

// start runs a registry process on what the disk has.
func (g *registry) start() {
	if g.up {
		return
	}
	g.up, g.begun, g.busy, g.waiting, g.ticks = true, g.w.Now, 0, nil, false
	g.boots++
	g.w.trace("registry: starts")
	if g.boots > 1 && g.w.traits.retimes {
		g.retime()
	}
	if g.boots > 1 && len(g.w.traits.quotas) > 1 {
		g.requota()
	}
	full := g.full
	g.full = false // whoever starts it makes room first
	k, err := keeper.Open(g.disk, 0, g, g)
	if err != nil {
		g.w.fail("registry: it does not start: %v", err)
	}
	g.keeper, g.full = k, full
	g.tick(g.boots)
}

// retime gives the group other times, as whoever starts its registry may.
func (g *registry) retime() {
	w, s := g.w, g.w.settings()
	s.Detection = pick(w.random.registry, s.Detection/2, s.Detection, 2*s.Detection)
	s.Heartbeat = (s.Detection / pick(w.random.registry, time.Duration(4), 5, 8)).Truncate(time.Millisecond)
	if s.Detection == g.disk.Settings.Detection && s.Heartbeat == g.disk.Settings.Heartbeat {
		return
	}
	state, err := g.disk.WithSettings(s)
	if err != nil {
		w.fail("registry: no other times: %v", err)
	}
	g.disk = state
	w.longest = max(w.longest, s.Detection)
	w.counts.Faults[OtherTimes]++
	w.trace("fault: %s: %v, heartbeats every %v", OtherTimes, s.Detection, s.Heartbeat)
}

func (g *registry) crash() {
	g.w.trace("registry: crashes")
	g.up, g.crashIn = false, 0
	g.w.After(g.w.lasting(), g.start)
}

// lose has the registry start again without its directory, as that of another
// group. Its generation and its counters go on from the first one's, which keeps the
// world's books apart; nothing else knows of that.
func (g *registry) lose() {
	w := g.w
	w.counts.Faults[LostRegistry]++
	w.trace("fault: %s", LostRegistry)
	before := g.disk
	// A group that is founded later begins above the one before, by the clock.
	g.disk = membership.NewState(before.Group+1, before.Floor, w.settings()).WithSecret(membership.Key{8})
	g.disk.Generation, g.disk.NextView, g.disk.NextIncarnation = before.Generation+1, before.NextView, before.NextIncarnation
	w.chain.last = 0
	if g.up {
		g.crash()
	}
}

func (g *registry) now() time.Duration { return g.w.Now - g.begun }

func (g *registry) tick(boot uint64) {
	if !g.up || g.boots != boot {
		return
	}
	g.w.After(g.w.traits.heartbeat/4, func() { g.tick(boot) })
	if !g.ticks {
		g.ticks = true
		g.step(func(k *keeper.Keeper, now time.Duration) {
			g.ticks = false
			k.Tick(now)
		})
	}
}

// step does something with the group. The registry may crash before and after it, and
// within, where it saves and where it tells.
func (g *registry) step(do func(k *keeper.Keeper, now time.Duration)) {
	g.whenFree(func() {
		g.guard(func() {
			g.brink()
			do(g.keeper, g.now())
			g.brink()
		})
	})
}

// guard lets the registry do something in which it may crash.
func (g *registry) guard(what func()) {
	if g.crashIn == 0 {
		what()
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			if _, ok := reason.(crashed); !ok {
				panic(reason)
			}
		}
	}()
	what()
}

// Event is part of keeper.Told.
func (g *registry) Event(e *membership.Event) {
	g.w.trace("registry: %s", describeEvent(e))
	switch e.Kind {
	case membership.EventAttempt:
		g.w.counts.Attempts++
		g.w.wedges()
	case membership.EventNewGeneration:
		g.w.counts.Generations++
	}
}

// Degraded is part of keeper.Told.
func (g *registry) Degraded(err error) { g.w.trace("registry: saves nothing: %v", err) }

// Recovered is part of keeper.Told.
func (g *registry) Recovered() {
	g.w.counts.SavedAgain++
	g.w.trace("registry: saves again")
}

// push is a stream of directives to a replica. It is not always ready for the next one.
type push struct {
	g    *registry
	r    *replica
	boot uint64
	w    *keeper.Watch
	due  bool // it will look for what is new
}

// watch opens a stream, which hears at once how things stand.
func (g *registry) watch(from membership.From, r *replica) {
	g.whenFree(func() {
		g.guard(func() {
			p := &push{g: g, r: r, boot: g.boots}
			p.w = g.keeper.Watch(from, p.wake)
			p.next()
		})
	})
}

// wake has the stream look for what is new, once it is ready.
func (p *push) wake() {
	if p.due {
		p.g.w.counts.Coalesced++
		return
	}
	p.due = true
	p.g.brink()
	p.g.w.After(upTo(p.g.w.random.registry, p.g.w.traits.heartbeat/8), func() {
		p.due = false
		if p.g.up && p.g.boots == p.boot {
			p.g.whenFree(func() { p.g.guard(p.next) })
		}
	})
}

// next sends what is new, and ends the stream if nobody is there for it or if it is to
// end.
func (p *push) next() {
	p.g.brink()
	if p.r.over || !p.r.p.alive {
		p.g.keeper.Unwatch(p.w)
		return
	}
	d, err := p.g.keeper.Next(p.w)
	if err != nil {
		p.g.keeper.Unwatch(p.w)
		return
	}
	if d != nil {
		p.r.pushed(*d)
	}
}

// crashRegistry has the registry crash, now or within its next steps.
func (w *world) crashRegistry(Fault) bool {
	g := w.registry
	switch {
	case !g.up:
		return false
	case w.random.faults.IntN(2) == 0:
		g.crashIn = 1 + w.random.faults.IntN(12)
		return false // counted when it happens
	}
	g.crash()
	return true
}

// members are those of the committed view.
func (g *registry) members() []membership.Member {
	view, _ := g.disk.Committed()
	return view.Members
}

// possible are the views that may be the newest: the committed one, as it was
// saved, and those of attempts.
func (g *registry) possible() []membership.View {
	var views []membership.View
	for _, state := range []*membership.State{&g.disk, g.keeper.Unsaved()} {
		if state == nil {
			continue
		}
		if view, ok := state.Committed(); ok {
			views = append(views, view)
		}
		if a := state.Attempt; a != nil {
			views = append(views, a.View)
		}
	}
	return views
}

// degraded reports whether the registry refuses changes since it cannot save them.
func (g *registry) degraded() bool {
	_, problem := g.keeper.Status(g.now())
	return problem != nil
}
