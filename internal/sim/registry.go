package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// registry is a model of the shell of package registry around the real
// decisions: it saves what has changed before anybody hears of it.
type registry struct {
	w       *world
	group   *membership.Group
	disk    membership.State // what survives
	up      bool
	full    bool // the disk is: nothing can be saved
	problem bool // something could not be saved
	tried   time.Duration
	begun   time.Duration // of this process
	told    uint64
	boots   uint64 // processes so far
	crashIn int

	watchers []*replica // by incarnation
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
	g := &registry{w: w, disk: membership.NewState(7, w.traits.base, w.settings())}
	g.start()
	return g
}

// start runs a registry process on what the disk has.
func (g *registry) start() {
	if g.up {
		return
	}
	g.up, g.problem, g.told, g.watchers = true, false, 0, nil
	g.begun = g.w.Now
	g.boots++
	g.w.trace("registry: starts")
	if g.boots > 1 && g.w.retimes {
		g.retime()
	}
	g.group = membership.New(g.disk, 0)
	state, _ := g.group.Unsaved()
	g.disk = state
	g.group.Saved()
	g.tick(g.boots)
}

// retime gives the group other times, as whoever starts its registry may.
func (g *registry) retime() {
	w, s := g.w, g.w.settings()
	s.Detection = pick(w.bounds, s.Detection/2, s.Detection, 2*s.Detection)
	s.Heartbeat = (s.Detection / pick(w.bounds, time.Duration(4), 5, 8)).Truncate(time.Millisecond)
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
	g.disk = membership.NewState(before.Group+1, before.Floor, w.settings())
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
	g.step(func(now time.Duration) { g.group.Tick(now) }, nil)
	if g.up && g.boots == boot && g.problem && g.w.Now-g.tried >= g.w.traits.detection/2 {
		g.guard(func() {
			if g.save() {
				g.problem = false
				g.tell()
			}
		})
	}
}

// step changes the group, saves what must be saved, tells whom it concerns, and
// answers. It may crash between any two of these.
func (g *registry) step(change func(now time.Duration), answer func()) {
	g.guard(func() {
		if g.problem {
			return
		}
		g.brink()
		change(g.now())
		g.brink()
		if planted.On(planted.RestartForgets) {
			g.tellUnsaved(answer)
			return
		}
		if !g.save() {
			return
		}
		g.brink()
		g.tell()
		if answer != nil {
			answer()
		}
		g.brink()
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

func (g *registry) save() bool {
	state, unsaved := g.group.Unsaved()
	if !unsaved {
		return true
	}
	if g.full {
		g.problem, g.tried = true, g.w.Now
		return false
	}
	g.written(state)
	g.group.Saved()
	return true
}

// written is the moment at which a state is on disk.
func (g *registry) written(state membership.State) {
	before := g.disk
	g.disk = state
	g.w.chain.saved(g.w, &before, &state)
}

// tell pushes to all watchers what has changed.
func (g *registry) tell() {
	events := g.group.TakeEvents()
	for i := range events {
		g.w.trace("registry: %s", describeEvent(&events[i]))
		switch events[i].Kind {
		case membership.EventAttempt:
			g.w.counts.Attempts++
		case membership.EventNewGeneration:
			g.w.counts.Generations++
		}
	}
	revision := g.group.Revision()
	if revision == g.told {
		return
	}
	g.told = revision
	g.watchers = slices.DeleteFunc(g.watchers, func(r *replica) bool { return r.over || !r.p.alive })
	for _, r := range g.watchers {
		from := r.member.From()
		if d, err := g.group.Directive(from, g.group.ViewOf(from)); err == nil {
			r.pushed(d)
		}
		g.brink()
	}
}

// tellUnsaved is a mistake that tests switch on: the registry tells of what it
// has not saved yet, and saves it after that.
func (g *registry) tellUnsaved(answer func()) {
	state, unsaved := g.group.Unsaved()
	g.group.Saved()
	g.tell()
	if answer != nil {
		answer()
	}
	g.brink()
	if unsaved && !g.full {
		g.written(state)
	}
}

func (g *registry) heartbeat(from membership.From, report membership.Report, reply func(membership.Directive, error)) {
	var err error
	g.step(func(now time.Duration) { err = g.group.Heartbeat(now, from, report) }, func() {
		if err != nil {
			reply(membership.Directive{}, err)
			return
		}
		reply(g.group.Directive(from, report.View))
	})
}

func (g *registry) register(r membership.Registration, reply func(uint64, membership.Directive, error)) {
	var err error
	var incarnation uint64
	g.step(func(now time.Duration) { incarnation, err = g.group.Register(now, r) }, func() {
		if err != nil {
			reply(0, membership.Directive{}, err)
			return
		}
		s := g.group.Status(g.now())
		d, err := g.group.Directive(membership.From{ID: r.ID, Incarnation: incarnation, Group: s.Group, Generation: s.Generation}, 0)
		reply(incarnation, d, err)
	})
}

func (g *registry) leave(from membership.From, force bool, reason string, reply func(error)) {
	var err error
	g.step(func(now time.Duration) { err = g.group.Leave(now, from, force, reason) }, func() { reply(err) })
}

// watch adds a watcher, which hears at once how things stand.
func (g *registry) watch(from membership.From, r *replica) {
	i, found := slices.BinarySearchFunc(g.watchers, from.Incarnation, func(r *replica, incarnation uint64) int {
		return cmp.Compare(r.self.Incarnation, incarnation)
	})
	if found {
		g.watchers[i] = r
	} else {
		g.watchers = slices.Insert(g.watchers, i, r)
	}
	if g.problem {
		return
	}
	if d, err := g.group.Directive(from, g.group.ViewOf(from)); err == nil {
		r.pushed(d)
	}
}

// strike lets a fault of the registry happen.
func (g *registry) strike(k Fault) bool {
	switch {
	case !g.up:
		return false
	case k == DiskFull:
		g.full = true
		g.w.until(func() { g.full = false })
		return true
	case g.w.faults.IntN(2) == 0:
		g.crashIn = 1 + g.w.faults.IntN(12)
		return false // counted when it happens
	default:
		g.crash()
		return true
	}
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
	if view, ok := g.disk.Committed(); ok {
		views = append(views, view)
	}
	if a := g.disk.Attempt; a != nil {
		views = append(views, a.View)
	}
	if state, unsaved := g.group.Unsaved(); unsaved {
		if view, ok := state.Committed(); ok {
			views = append(views, view)
		}
		if a := state.Attempt; a != nil {
			views = append(views, a.View)
		}
	}
	return views
}
