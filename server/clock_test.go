package server

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
)

// movedClock is the machine's, moved ahead.
type movedClock struct{ steady, wall atomic.Int64 } // time.Duration

// set has a node go by the clock.
func (m *movedClock) set(c *Config) {
	var machine clock.Clock
	c.clock = clock.Of(&clock.Virtual{Now: func() clock.Moment {
		now := machine.Now()
		now.Steady += time.Duration(m.steady.Load())
		now.Wall += time.Duration(m.wall.Load())
		return now
	}, Count: machine.Count, Counts: machine.Counts()})
}

// goOn has time pass.
func (m *movedClock) goOn(d time.Duration) {
	m.wall.Add(int64(d))
	m.steady.Add(int64(d))
}
