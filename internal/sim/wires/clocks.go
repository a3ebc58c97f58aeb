package wires

import (
	"math/rand/v2"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
)

// Clocks are those of a process. The steady one shows shown at the true time since, and
// runs at rate; while the machine sleeps it stands still. The one on the wall is ahead of
// it. The counter goes with the steady one, and stands at count when that shows began.
type Clocks struct {
	time         *Time
	rate         float64
	shown, since time.Duration
	asleep       bool
	ahead        time.Duration
	count        float64
	began        time.Duration
	counted      float64 // in a nanosecond
	virtual      clock.Virtual
}

// NewClocks returns clocks of which the steady one shows so much now and runs at a rate.
// counts says whether the counter may be used.
func NewClocks(t *Time, random *rand.Rand, rate float64, shown time.Duration, counts bool) *Clocks {
	const longAgo = 1000 * time.Hour // neither clock comes to 0, however they are set
	c := &Clocks{time: t, rate: rate, shown: shown, since: t.Now, ahead: longAgo + UpTo(random, time.Hour), began: shown}
	c.counted = 0.5 + 2.5*random.Float64()
	c.count = 1e12 * random.Float64()
	c.virtual = clock.Virtual{
		Now: func() clock.Moment {
			steady := c.Steady()
			return clock.Moment{Steady: steady, Wall: steady + c.ahead}
		},
		Count:  func() uint64 { return uint64(c.count + float64(c.Steady()-c.began)*c.counted) },
		Counts: counts,
	}
	return c
}

// Virtual is the clock of the process's members.
func (c *Clocks) Virtual() *clock.Virtual { return &c.virtual }

// Rate is how fast the steady clock runs.
func (c *Clocks) Rate() float64 { return c.rate }

// Steady is what the steady clock shows. It never goes back.
func (c *Clocks) Steady() time.Duration {
	if c.asleep {
		return c.shown
	}
	return c.shown + time.Duration(float64(c.time.Now-c.since)*c.rate)
}

// Set lets the steady clock jump ahead, and run at another rate from now on.
func (c *Clocks) Set(jump time.Duration, rate float64) {
	c.shown, c.rate = c.Steady()+jump, rate
	if !c.asleep {
		c.since = c.time.Now
	}
}

// SetWall sets the clock on the wall.
func (c *Clocks) SetWall(by time.Duration) { c.ahead += by }

// Sleep begins a sleep of the machine.
func (c *Clocks) Sleep() {
	c.Set(0, c.rate)
	c.asleep = true
}

// Wake ends a sleep. The clock on the wall has gone on, and the counter, unless it has
// begun again.
func (c *Clocks) Wake(restarts bool) {
	slept := time.Duration(float64(c.time.Now-c.since) * c.rate)
	c.count += float64(c.shown-c.began+slept) * c.counted
	c.began, c.since, c.asleep = c.shown, c.time.Now, false
	c.ahead += slept
	if restarts {
		c.count = 0
	}
}
