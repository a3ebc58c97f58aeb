package core

import (
	"math/rand/v2"

	"github.com/seed-8247e700/dsm/isis"
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
	weights                    [actions]int
}

// action is one kind of random step.
type action int

const (
	actDeliver action = iota
	actSubmit
	actTurn
	actAcks
	actDirect // the registry sends a directive, or one arrives
	actReport // a node sends a report, or one arrives
	actPropose
	actCrash
	actStart // a new node, or the next incarnation of one that stopped
	actLoad
	actFollow
	actLeave
	actRestart
	actions
)

func drawTraits(rng *rand.Rand, o Options) traits {
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
		weights:    [actions]int{400, 60, 30, 20, 100, 60, 10, 3, 4, 20, 40, 1, 2},
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
	for i := range t.weights {
		switch rng.IntN(6) {
		case 0:
			t.weights[i] *= 4
		case 1:
			t.weights[i] = (t.weights[i] + 3) / 4
		}
	}
	if o.Members > 0 {
		t.members = o.Members
	}
	if o.Steps > 0 {
		t.steps = o.Steps
	}
	return t
}

// maxNodes bounds the incarnations of a schedule, maxCommands what they submit.
const (
	maxNodes    = 14
	maxCommands = 120
)

// step takes one random action.
func (w *world) step() {
	total := 0
	for _, weight := range w.traits.weights {
		total += weight
	}
	at := w.rng.IntN(total)
	for a, weight := range w.traits.weights {
		if at < weight {
			w.act(action(a))
			return
		}
		at -= weight
	}
}

func (w *world) act(a action) {
	switch a {
	case actDeliver:
		w.deliverAny()
	case actSubmit:
		if n := w.pick(func(n *node) bool { return !n.leaving && n.member() }); n != nil && w.commands < maxCommands {
			w.submit(n)
			w.endTurn(n)
		}
	case actTurn:
		if n := w.pick(func(*node) bool { return true }); n != nil {
			w.turn(n)
		}
	case actAcks:
		if n := w.pick(func(n *node) bool { return n.core.AcksWait() }); n != nil {
			n.core.SendAcks()
			w.endTurn(n)
		}
	case actDirect:
		w.direct()
	case actReport:
		w.report()
	case actPropose:
		if w.registry.attempt != nil && !w.chance(w.traits.impatience) {
			return
		}
		w.registry.propose(w, func(n *node) bool {
			if n.alive {
				return w.chance(w.traits.suspicion)
			}
			return !w.chance(w.traits.oversight)
		})
	case actRestart:
		w.registry.restart(w)
	default:
		w.actOnNodes(a)
	}
}

func (w *world) actOnNodes(a action) {
	switch a {
	case actCrash:
		if n := w.pick(w.dispensable); n != nil {
			w.counts.Crashes++
			w.stop(n, "crash")
		}
	case actStart:
		w.startAny()
	case actLoad:
		w.loadAny()
	case actFollow:
		if n := w.pick(func(n *node) bool { return len(n.stream) > 0 }); n != nil {
			w.follow(n)
			w.endTurn(n)
		}
	case actLeave:
		if n := w.pick((*node).member); n != nil {
			n.leaving = true
		}
	}
}

// endTurn ends a node's turn, or leaves it to go on.
func (w *world) endTurn(n *node) {
	if n.alive && w.chance(w.traits.endTurn) {
		w.turn(n)
	}
}

// deliverAny delivers the oldest message of a random link.
func (w *world) deliverAny() {
	if len(w.busy) == 0 {
		return
	}
	l := w.busy[w.rng.IntN(len(w.busy))]
	if l.speed < 1 && !w.chance(l.speed) {
		return
	}
	w.deliver(l)
	w.endTurn(l.to)
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
			r.tell(d)
		}
		return
	}
	i := w.rng.IntN(len(r.directives))
	d := r.directives[i]
	if !w.chance(w.traits.double) {
		r.directives = append(r.directives[:i], r.directives[i+1:]...)
	}
	if d.to.alive && !w.chance(w.traits.loss) {
		w.obey(d)
		w.endTurn(d.to)
	}
}

// upToDate tells whether the registry has nothing new to tell a node. It tells
// such a node all the same now and then.
func (w *world) upToDate(n *node) bool {
	a := w.registry.attempt
	return n.view == w.registry.last().ID && (a == nil || a.View.ID == n.core.Attempt() || a.View.Rank(n.id) < 0) && w.chance(0.95)
}

// hasNews tells whether a node has something to report. Others report now and
// then.
func (w *world) hasNews(n *node) bool {
	return n.core.Installed() != 0 || n.leaving || n.donor != nil || w.chance(0.05)
}

// report sends a report or lets one arrive.
func (w *world) report() {
	r := &w.registry
	if len(r.reports) == 0 || w.chance(0.3) {
		if n := w.pick(w.hasNews); n != nil {
			r.hear(n)
		}
		return
	}
	i := w.rng.IntN(len(r.reports))
	p := r.reports[i]
	if !w.chance(w.traits.double) {
		r.reports = append(r.reports[:i], r.reports[i+1:]...)
	}
	if !w.chance(w.traits.loss) {
		r.take(w, p)
	}
}

// dispensable tells whether the group survives without a node, whether or not
// the attempt under way commits.
func (w *world) dispensable(n *node) bool {
	survives := func(v *node) bool { return v.alive && v != n && !v.doubtful }
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
		if !n.alive || n.id.ID != id {
			continue
		}
		if n.core.Phase() != isis.Excluded {
			return
		}
		w.stop(n, "excluded")
	}
	n := w.start(id)
	if w.tracing() {
		w.trace("%s starts", n)
	}
}

// loadAny makes a joiner without a donor, or now and then one with, load a state.
func (w *world) loadAny() {
	n := w.pick(func(n *node) bool {
		return n.core.Phase() == isis.Observing && w.registry.views[0].Rank(n.id) < 0 && (n.donor == nil || !n.donor.alive && len(n.stream) == 0 || w.chance(w.traits.reload))
	})
	if n == nil || n.core.Attempt() != 0 && !w.dispensable(n) {
		return
	}
	if donor := w.pick((*node).member); donor != nil {
		w.load(n, donor)
	}
}
