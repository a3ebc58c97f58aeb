package isistest_test

import (
	"math/rand/v2"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// traits are what one schedule is like. They differ from seed to seed, so that
// some schedules are mostly of one kind: what is rare on average is then common
// in a few.
type traits struct {
	members, steps             int
	window, batch, undelivered int
	direct                     int     // largest view with direct acknowledgements
	slowLinks                  float64 // chance that a link is slow
	endTurn                    float64 // chance that a turn ends after a step
	loss, double               float64 // of words to and from the registry
	impatience                 float64 // chance that an attempt gives way to the next
	suspicion                  float64 // chance that an attempt passes over a living member
	reload                     float64 // chance that a joiner loads a state though it has one
	oversight                  float64 // chance that an attempt includes a dead one
	actions                    []action
}

func drawTraits(rng *rand.Rand) traits {
	t := traits{
		members: 2 + rng.IntN(4), steps: 200 + rng.IntN(800),
		window: 1 + rng.IntN(3), batch: 1 + rng.IntN(3),
		slowLinks: [...]float64{0, 0.3, 0.6}[rng.IntN(3)],
		endTurn:   [...]float64{1, 0.8, 0.4}[rng.IntN(3)],
		loss:      rng.Float64() * 0.4, double: rng.Float64() * 0.4,
		impatience: [...]float64{0.05, 0.2, 0.5}[rng.IntN(3)],
		suspicion:  [...]float64{0, 0.1, 0.3}[rng.IntN(3)],
		reload:     [...]float64{0, 0.1, 0.5}[rng.IntN(3)],
		oversight:  rng.Float64() * 0.3,
	}
	switch rng.IntN(20) {
	case 0:
		t.members = 6 + rng.IntN(2)
	case 1:
		t.members = 1
	}
	if rng.IntN(3) == 0 {
		t.undelivered = 1 + rng.IntN(4)
	}
	t.direct = [...]int{1, 3, maxNodes}[rng.IntN(3)]
	t.actions = actions()
	for i := range t.actions {
		switch weight := &t.actions[i].weight; rng.IntN(6) {
		case 0:
			*weight *= 4
		case 1:
			*weight = (*weight + 3) / 4
		}
	}
	return t
}

// maxNodes bounds the incarnations of a schedule, maxCommands what they submit.
const (
	maxNodes    = 14
	maxCommands = 120
)

// action is one kind of random step, and how often it is taken.
type action struct {
	weight int
	act    func(*world)
}

func actions() []action {
	return []action{
		{400, (*world).deliverAny},
		{60, (*world).submitAny},
		{30, func(w *world) {
			if n := w.pick(func(*node) bool { return true }); n != nil {
				w.group.Turn(n.Node)
			}
		}},
		{20, func(w *world) {
			if n := w.pick(func(n *node) bool { return n.Core.AcksWait() }); n != nil {
				n.Core.SendAcks()
				w.endTurn(n.Node)
			}
		}},
		{100, (*world).direct},
		{60, (*world).report},
		{10, (*world).proposeAny},
		{3, func(w *world) {
			if n := w.pick(w.dispensable); n != nil {
				w.counts["crashes"]++
				w.stop(n, "crash")
			}
		}},
		{4, (*world).startAny},
		{20, (*world).loadAny},
		{40, func(w *world) {
			if n := w.pick(func(n *node) bool { return len(n.Stream) > 0 }); n != nil {
				w.follow(n)
				w.endTurn(n.Node)
			}
		}},
		{1, func(w *world) {
			if n := w.pick(isMember); n != nil {
				n.leaving = true
			}
		}},
		{2, func(w *world) { w.registry.restart(w) }},
	}
}

// step takes one random action.
func (w *world) step() {
	total := 0
	for _, a := range w.traits.actions {
		total += a.weight
	}
	at, i := w.rng.IntN(total), 0
	for ; at >= w.traits.actions[i].weight; i++ {
		at -= w.traits.actions[i].weight
	}
	w.traits.actions[i].act(w)
}

func isMember(n *node) bool { return n.Member() }

func (w *world) submitAny() {
	n := w.pick(func(n *node) bool { return !n.leaving && n.Member() })
	if n != nil && w.commands < maxCommands {
		w.submit(n)
		w.endTurn(n.Node)
	}
}

// proposeAny begins an attempt, which may pass over the living and include the dead.
func (w *world) proposeAny() {
	if w.registry.attempt != nil && !w.chance(w.traits.impatience) {
		return
	}
	w.registry.propose(w, func(n *node) bool {
		if n.Alive {
			return w.chance(w.traits.suspicion)
		}
		return !w.chance(w.traits.oversight)
	})
}

// endTurn ends a node's turn, or leaves it to go on.
func (w *world) endTurn(n *isistest.Node) {
	if n.Alive && w.chance(w.traits.endTurn) {
		w.group.Turn(n)
	}
}

func (w *world) anyBusy() *isistest.Link { return w.group.Busy[w.rng.IntN(len(w.group.Busy))] }

// deliverAny delivers the oldest message of a random link.
func (w *world) deliverAny() {
	if len(w.group.Busy) == 0 {
		return
	}
	l := w.anyBusy()
	if speed := w.nodes[l.From.Index()].speeds[l.To.Index()]; speed < 1 && !w.chance(speed) {
		return
	}
	w.deliver(l)
	w.endTurn(l.To)
}

// direct sends a directive or lets one arrive, which may be an old one.
func (w *world) direct() {
	r := &w.registry
	if len(r.directives) == 0 || w.chance(0.3) {
		if n := w.pick(func(n *node) bool { return !w.upToDate(n) }); n != nil {
			d := directive{to: n, views: r.views, attempt: r.attempt}
			switch w.rng.IntN(4) {
			case 0:
				d.views = nil // the WEDGE overtakes the COMMIT
			case 1:
				d.attempt = nil
			}
			r.directives.send(d)
		}
		return
	}
	if d, lost := r.directives.arrive(w); !lost && d.to.Alive {
		w.obey(d)
		w.endTurn(d.to.Node)
	}
}

// upToDate tells whether the registry has nothing new to tell a node. It tells
// such a node all the same now and then.
func (w *world) upToDate(n *node) bool {
	a := w.registry.attempt
	return n.view == w.registry.last().ID && (a == nil || a.View.ID == n.Core.Attempt() || a.View.Rank(n.ID) < 0) && w.chance(0.95)
}

// hasNews tells whether a node has something to report. Others report now and
// then.
func (w *world) hasNews(n *node) bool {
	return n.Core.Installed() != 0 || n.leaving || n.Donor != nil || w.chance(0.05)
}

// report sends a report or lets one arrive.
func (w *world) report() {
	r := &w.registry
	if len(r.reports) == 0 || w.chance(0.3) {
		if n := w.pick(w.hasNews); n != nil {
			r.hear(w, n)
		}
		return
	}
	if p, lost := r.reports.arrive(w); !lost {
		r.take(w, p)
	}
}

// dispensable tells whether the group survives without a node, whether or not
// the attempt under way commits.
func (w *world) dispensable(n *node) bool {
	survives := func(v *node) bool { return v.Alive && v != n && !v.doubtful }
	for _, view := range w.registry.possible() {
		found := false
		for _, m := range view.Members {
			found = found || survives(w.nodeOf(m))
		}
		if !found {
			return false
		}
	}
	return true
}

// startAny starts a node: one that stopped returns, as a new incarnation, or a
// new one comes.
func (w *world) startAny() {
	if len(w.nodes) >= maxNodes {
		return
	}
	id := string(rune('a' + w.rng.IntN(7)))
	for _, n := range w.nodes {
		if !n.Alive || n.ID.ID != id {
			continue
		}
		if n.Core.Phase() != isis.Excluded {
			return
		}
		w.stop(n, "excluded")
	}
	n := w.start(id)
	w.trace("%s starts", n)
}

// loadAny makes a joiner without a donor, or now and then one with, load a state.
func (w *world) loadAny() {
	n := w.pick(func(n *node) bool {
		return n.Core.Phase() == isis.Observing && w.registry.views[0].Rank(n.ID) < 0 && (n.Donor == nil || !n.Donor.Alive && len(n.Stream) == 0 || w.chance(w.traits.reload))
	})
	if n == nil || n.Core.Attempt() != 0 && !w.dispensable(n) {
		return
	}
	if donor := w.pick(isMember); donor != nil {
		w.load(n, donor)
	}
}
