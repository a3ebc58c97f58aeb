package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/member"
)

// clocks are those of a process. The steady one shows shown at the true time since, and
// runs at rate; while the machine sleeps it stands still. The one on the wall is ahead of
// it. The counter goes with the steady one, and stands at count when that shows began.
type clocks struct {
	w            *world
	rate         float64
	shown, since time.Duration
	asleep       bool
	ahead        time.Duration
	count        float64
	began        time.Duration
	counted      float64 // in a nanosecond
	virtual      clock.Virtual
}

// begin starts the clocks of a process.
func (c *clocks) begin(w *world, rate float64, shown time.Duration) {
	const longAgo = 1000 * time.Hour // neither clock comes to 0, however they are set
	*c = clocks{w: w, rate: rate, shown: shown, since: w.now, ahead: longAgo + upTo(w.times, time.Hour), began: shown}
	c.counted = 0.5 + 2.5*w.times.Float64()
	c.count = 1e12 * w.times.Float64()
	c.virtual = clock.Virtual{
		Now: func() clock.Moment {
			steady := c.steady()
			return clock.Moment{Steady: steady, Wall: steady + c.ahead}
		},
		Count:  func() uint64 { return uint64(c.count + float64(c.steady()-c.began)*c.counted) },
		Counts: w.counter,
	}
}

// steady is what the steady clock shows. It never goes back.
func (c *clocks) steady() time.Duration {
	if c.asleep {
		return c.shown
	}
	return c.shown + time.Duration(float64(c.w.now-c.since)*c.rate)
}

// set lets the steady clock jump ahead, and run at another rate from now on.
func (c *clocks) set(jump time.Duration, rate float64) {
	c.shown, c.rate = c.steady()+jump, rate
	if !c.asleep {
		c.since = c.w.now
	}
}

// wake ends a sleep. The clock on the wall has gone on, and the counter, unless it has
// begun again.
func (c *clocks) wake(restarts bool) {
	slept := time.Duration(float64(c.w.now-c.since) * c.rate)
	c.count += float64(c.shown-c.began+slept) * c.counted
	c.began, c.since, c.asleep = c.shown, c.w.now, false
	c.ahead += slept
	if restarts {
		c.count = 0
	}
}

// planClocks decides when clocks on the wall are set, and machines sleep, in some of the
// seeds. It has a source of its own, so that seeds stay what they are.
func (w *world) planClocks() {
	w.counter = w.times.IntN(2) == 0
	if w.traits.deafOnly || w.times.IntN(3) > 0 {
		return
	}
	for range 1 + w.times.IntN(8) {
		k := pick(w.times, ClockSet, ClockSet, Sleep)
		at := upTo(w.times, w.traits.horizon)
		if !w.options.Without.Has(k) {
			w.at(at, func() { w.strikeClock(k) })
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
	p, d := victims[w.times.IntN(len(victims))], w.traits.detection
	lasts := pick(w.times, d/4, d, 4*d)
	lasts = between(w.times, lasts/4, lasts)
	w.counts.Faults[k]++
	if k == ClockSet {
		if w.times.IntN(4) == 0 {
			lasts += time.Hour
		}
		if w.times.IntN(2) == 0 {
			lasts = -lasts
		}
		p.clock.ahead += lasts
	}
	if w.tracing() {
		w.trace("fault: %s %s %v", k, p, lasts)
	}
	if k == ClockSet {
		return
	}
	restarts := w.times.IntN(2) == 0
	sleep := func() {
		if !p.alive || p.paused {
			return
		}
		p.clock.set(0, p.clock.rate)
		p.clock.asleep, p.paused = true, true
		w.after(min(lasts, max(w.traits.horizon-w.now, 0)), func() {
			p.clock.wake(restarts)
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
	r.call(func(*member.Member) { w.after(0, sleep) })
}
