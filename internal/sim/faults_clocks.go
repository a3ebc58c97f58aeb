package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
)

// planClocks decides when clocks on the wall are set, and machines sleep, in some of the
// seeds.
func (w *world) planClocks() {
	w.counter = w.random.clocks.IntN(2) == 0
	if w.traits.deafOnly || w.random.clocks.IntN(3) > 0 {
		return
	}
	for range 1 + w.random.clocks.IntN(8) {
		k := pick(w.random.clocks, ClockSet, ClockSet, Sleep)
		at := upTo(w.random.clocks, w.traits.horizon)
		if !w.options.Without.Has(k) {
			w.At(at, func() { w.strikeClock(k) })
		}
	}
}

// strikeClock sets a clock on the wall, or has a machine sleep.
func (w *world) strikeClock(k Fault) {
	var victims []*process
	for _, p := range w.processes {
		if p.alive && !p.paused {
			victims = append(victims, p)
		}
	}
	if len(victims) == 0 {
		return
	}
	p, d := victims[w.random.clocks.IntN(len(victims))], w.traits.detection
	lasts := pick(w.random.clocks, d/4, d, 4*d)
	lasts = between(w.random.clocks, lasts/4, lasts)
	if k == ClockSet {
		w.counts.Faults[k]++
		if w.random.clocks.IntN(4) == 0 {
			lasts += time.Hour
		}
		if w.random.clocks.IntN(2) == 0 {
			lasts = -lasts
		}
		p.clock.SetWall(lasts)
	}
	w.trace("fault: %s %s %v", k, p, lasts)
	if k == ClockSet {
		return
	}
	restarts := w.random.clocks.IntN(2) == 0
	sleep := func() {
		if !p.alive || p.paused {
			return
		}
		w.counts.Faults[Sleep]++
		p.clock.Sleep()
		p.paused = true
		w.After(min(lasts, max(w.traits.horizon-w.Now, 0)), func() {
			p.clock.Wake(restarts)
			p.resume()
		})
	}
	r := p.current
	if r == nil || r.over {
		sleep()
		return
	}
	// It does a turn before: nobody can tell a sleep from a clock that is set back if
	// nothing looks at the clocks between the two.
	r.call(func(*member.Member) { w.After(0, sleep) })
}
