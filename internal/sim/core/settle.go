package core

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
)

// maxRounds bounds how long the group may take to come to rest once faults stop.
const maxRounds = 60

// settle stops the faults and lets the group come to rest: every message
// arrives, nobody is suspected who lives, nobody alive is left outside.
func (w *world) settle() {
	if w.tracing() {
		w.trace("faults stop")
	}
	r := &w.registry
	idle := 0
	for range maxRounds {
		before := r.lastID + uint64(len(r.views))
		w.exchange()
		w.restartOutsiders()
		w.loadJoiners()
		for _, n := range w.nodes {
			if n.alive {
				r.hear(n)
			}
		}
		for _, p := range r.reports {
			r.take(w, p)
		}
		r.reports = r.reports[:0]
		if w.settled() {
			return
		}
		idle++
		if before != r.lastID+uint64(len(r.views)) {
			idle = 0
		}
		if r.attempt == nil || idle > 2 {
			r.propose(w, func(n *node) bool { return !n.alive })
			idle = 0
		}
		r.directives = r.directives[:0]
		for _, n := range w.nodes {
			if n.alive {
				r.tell(directive{to: n, views: r.views, attempt: r.attempt})
			}
		}
		for _, d := range r.directives {
			if d.to.alive {
				w.obey(d)
			}
		}
		r.directives = r.directives[:0]
	}
	w.fail("progress: not at rest after %d rounds without a fault: %s", maxRounds, w.status())
}

// exchange lets every message and every stream arrive.
func (w *world) exchange() {
	for limit := 0; ; limit++ {
		if limit > 100_000 {
			w.fail("progress: messages without end: %s", w.status())
		}
		if len(w.busy) > 0 {
			l := w.busy[w.rng.IntN(len(w.busy))]
			w.deliver(l)
			w.turn(l.to)
			continue
		}
		for _, n := range w.nodes {
			if n.alive {
				for len(n.stream) > 0 {
					w.follow(n)
				}
				n.core.SendAcks()
				w.turn(n)
			}
		}
		if len(w.busy) == 0 {
			return
		}
	}
}

// restartOutsiders ends nodes that learnt that they are excluded.
func (w *world) restartOutsiders() {
	for _, n := range w.nodes {
		if n.alive && n.core.Phase() == isis.Excluded {
			w.stop(n, "excluded")
		}
	}
}

// loadJoiners gives joiners another donor whose own is not among the survivors.
func (w *world) loadJoiners() {
	survives := func(d *node) bool {
		for _, view := range w.registry.possible() {
			if view.Rank(d.id) < 0 {
				return false
			}
		}
		return d.alive && d.member()
	}
	for _, n := range w.nodes {
		if !n.alive || n.core.Phase() != isis.Observing || w.registry.knows(n.id) || n.donor != nil && survives(n.donor) {
			continue
		}
		if donor := w.pick(survives); donor != nil && (n.core.Attempt() == 0 || w.dispensable(n)) {
			w.load(n, donor)
		}
	}
}

// settled tells whether all that live are in the last view and have nothing
// under way.
func (w *world) settled() bool {
	last := w.registry.last()
	if w.registry.attempt != nil {
		return false
	}
	alive := 0
	for _, n := range w.nodes {
		if !n.alive {
			continue
		}
		alive++
		if n.leaving && len(last.Members) > 1 {
			return false
		}
		if n.core.Phase() != isis.Normal || n.view != last.ID || !n.core.Idle() || n.core.HeldBack() > 0 {
			return false
		}
	}
	return alive == len(last.Members)
}

func (w *world) status() string {
	s := fmt.Sprintf("view %v, attempt %v;", *w.registry.last(), w.registry.attempt)
	for _, n := range w.nodes {
		if n.alive {
			s += fmt.Sprintf(" %s %s in %d for %d, position %d, pending %d, held back %d;",
				n, n.core.Phase(), n.view, n.core.Attempt(), n.core.Position(), n.core.Pending(), n.core.HeldBack())
		}
	}
	return s
}
