package isistest_test

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// maxRounds bounds how long the group may take to come to rest once faults stop.
const maxRounds = 60

// settle stops the faults and lets the group come to rest: every message
// arrives, nobody is suspected who lives, nobody alive is left outside.
func (w *world) settle() {
	w.trace("faults stop")
	r := &w.registry
	idle := 0
	for range maxRounds {
		before := r.lastID + uint64(len(r.views))
		w.exchange()
		w.restartOutsiders()
		w.loadJoiners()
		for _, n := range w.nodes {
			if n.Alive {
				r.hear(w, n)
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
			r.propose(w, func(n *node) bool { return !n.Alive })
			idle = 0
		}
		r.directives = r.directives[:0]
		for _, n := range w.nodes {
			if n.Alive {
				r.directives.send(directive{to: n, views: r.views, attempt: r.attempt})
			}
		}
		for _, d := range r.directives {
			if d.to.Alive {
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
		if len(w.group.Busy) > 0 {
			l := w.anyBusy()
			w.deliver(l)
			w.group.Turn(l.To)
			continue
		}
		for _, n := range w.nodes {
			if n.Alive {
				for len(n.Stream) > 0 {
					w.follow(n)
				}
				n.Core.SendAcks()
				w.group.Turn(n.Node)
			}
		}
		if len(w.group.Busy) == 0 {
			return
		}
	}
}

// restartOutsiders ends nodes that learnt that they are excluded.
func (w *world) restartOutsiders() {
	for _, n := range w.nodes {
		if n.Alive && n.Core.Phase() == isis.Excluded {
			w.stop(n, "excluded")
		}
	}
}

// loadJoiners gives joiners another donor whose own is not among the survivors.
func (w *world) loadJoiners() {
	survives := func(d *isistest.Node) bool {
		for _, view := range w.registry.possible() {
			if view.Rank(d.ID) < 0 {
				return false
			}
		}
		return d.Alive && d.Member()
	}
	for _, n := range w.nodes {
		if !n.Alive || n.Core.Phase() != isis.Observing || w.registry.knows(n.ID) || n.Donor != nil && survives(n.Donor) {
			continue
		}
		if donor := w.pick(func(d *node) bool { return survives(d.Node) }); donor != nil && (n.Core.Attempt() == 0 || w.dispensable(n)) {
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
		if !n.Alive {
			continue
		}
		alive++
		if n.leaving && len(last.Members) > 1 {
			return false
		}
		if n.Core.Phase() != isis.Normal || n.view != last.ID || !n.Core.Idle() || n.Core.HeldBack() > 0 {
			return false
		}
	}
	return alive == len(last.Members)
}

func (w *world) status() string {
	s := fmt.Sprintf("view %v, attempt %v;", *w.registry.last(), w.registry.attempt)
	for _, n := range w.nodes {
		if n.Alive {
			s += fmt.Sprintf(" %s %s in %d for %d, position %d, pending %d, held back %d;",
				n, n.Core.Phase(), n.view, n.Core.Attempt(), n.Core.Position(), n.Core.Pending(), n.Core.HeldBack())
		}
	}
	return s
}
