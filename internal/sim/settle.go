package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
)

// settle stops the faults and lets the group come to rest: within a bounded time
// all nodes that run are members, all operations have ended, and what has a TTL has expired.
func (w *world) settle() {
	w.heal()
	t := &w.traits
	w.runUntil(w.Now + 4*t.detection)
	w.rest()
	w.expire()
	w.rest()
}

// changes is how many changes of the view a group may need until all nodes are members.
const changes = 10

// rest runs the group until nothing is under way.
func (w *world) rest() {
	healed, t := w.Now, &w.traits
	bound := 150*time.Second + 60*t.detection + changes*w.slowness()
	for !w.settled() {
		if w.Now-healed > bound {
			w.stalled("not at rest %v after the last fault", w.Now-t.horizon)
		}
		w.checkChange()
		w.restartAll()
		w.operate(w.Now - healed)
		w.runUntil(w.Now + t.heartbeat/3)
		if w.Now-healed > 4*t.detection && w.allServe() && !slices.ContainsFunc(w.clients, (*client).unfinished) {
			w.draining = true
		}
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.trace("faults stop")
	w.healed, w.healedAt = true, w.Now
	g := w.registry
	g.full, g.crashIn = false, 0
	g.start()
	for _, p := range w.processes {
		if p.alive && (p.host == nil || p.strays()) {
			p.crash(true)
		}
		p.crashIn = 0
		if r := p.current; p.alive && r != nil {
			for _, f := range r.feeds {
				f.hasRoom(plenty)
			}
		}
	}
}

// strays tells whether the process is in a group whose registry is lost. It goes
// on there until an operator, who has saved what he needs, starts it again.
func (p *process) strays() bool {
	return p.current != nil && p.current.group != p.w.registry.disk.Group
}

// restartAll starts the nodes that do not run.
func (w *world) restartAll() {
	for _, h := range w.hosts {
		if h.run == nil {
			h.start(true)
		}
	}
}

// operate does what an operator does once the state is lost for certain, but not
// proved so: he begins a new generation.
func (w *world) operate(since time.Duration) {
	g := w.registry
	if since >= operatorComes*w.traits.detection {
		w.replaceDamaged()
	}
	if since < operatorComes*w.traits.detection || g.busy > w.Now || g.disk.Attempt == nil && w.allServe() {
		return
	}
	view, ok := g.disk.Committed()
	if !ok {
		return
	}
	for _, m := range view.Members {
		if r := w.replica(m.Incarnation); r != nil && r.p.alive && !r.over {
			return
		}
	}
	w.trace("an operator begins a new generation")
	w.counts.Forced++
	g.step(func(k *keeper.Keeper, now time.Duration) {
		if _, err := k.NewGeneration(now, true); err != nil && !errors.Is(err, keeper.ErrDegraded) {
			w.fail("progress: no new generation by force: %v", err)
		}
	})
}

// allServe tells whether every host's node is a member of the committed view, and
// serves.
func (w *world) allServe() bool {
	g := w.registry
	view, ok := g.disk.Committed()
	if !ok || !g.up || g.degraded() || g.disk.Attempt != nil || len(view.Members) != len(w.hosts) {
		return false
	}
	for _, h := range w.hosts {
		if h.run == nil || h.run.current == nil {
			return false
		}
		r := h.run.current
		if r.over || !view.Has(r.self.Incarnation) || r.view.ID != view.ID || !r.reader.Serves() || r.wedged != 0 {
			return false
		}
	}
	return true
}

// settled tells whether nothing is under way.
func (w *world) settled() bool {
	if !w.draining || !w.allServe() {
		return false
	}
	for _, c := range w.clients {
		if len(c.active) > 0 || c.stream.Open() > 0 {
			return false
		}
		if slices.ContainsFunc(c.watchings, (*watching).waits) {
			return false
		}
	}
	first := w.hosts[0].run.current
	for _, h := range w.hosts {
		r := h.run.current
		if r.member.Status().Queue > 0 || r.applied != first.applied || r.unaware() {
			return false
		}
	}
	return true
}

// standing tells how things stand, for a group that does not come to rest.
func (w *world) standing() string {
	view, _ := w.registry.disk.Committed()
	s := fmt.Sprintf("view %d %v, attempt %v;", view.ID, view.Members, w.registry.disk.Attempt)
	for _, h := range w.hosts {
		if h.run == nil || h.run.current == nil {
			s += fmt.Sprintf(" %s has no incarnation;", h.id)
			continue
		}
		r := h.run.current
		s += fmt.Sprintf(" %s in %d for %d at %d, over %v, waits for %q;", r, r.view.ID, r.wedged, r.applied, r.over, r.told.Reason)
	}
	for _, c := range w.clients {
		for _, op := range c.active {
			s += fmt.Sprintf(" %s: %s;", c, op)
		}
		for _, one := range c.watchings {
			s += fmt.Sprintf(" %s at %d, waits %v;", one, one.watch.Position(), one.waits())
		}
	}
	return s
}
