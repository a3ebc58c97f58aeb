package registry

import (
	"sync"
	"testing"
	"time"
)

// fakeClock stands still until a test moves it.
type fakeClock struct {
	mu    sync.Mutex // guards now
	now   time.Duration
	ticks chan time.Time
}

func newFakeClock() *fakeClock { return &fakeClock{ticks: make(chan time.Time)} }

func (c *fakeClock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Ticker(time.Duration) (<-chan time.Time, func()) { return c.ticks, func() {} }

// advance lets d pass in steps of a tick, and returns once the registry has
// begun to handle the last one.
func (c *fakeClock) advance(t *testing.T, d time.Duration) {
	t.Helper()
	const step = 50 * time.Millisecond
	for ; d > 0; d -= step {
		c.mu.Lock()
		c.now += min(step, d)
		c.mu.Unlock()
		select {
		case c.ticks <- time.Time{}:
		case <-t.Context().Done():
			t.Fatal("the registry takes no tick")
		}
	}
}
