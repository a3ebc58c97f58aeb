package server

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// aliveInterval is how often a client hears that its node serves while its requests wait. It
// is well below the default interval of pings.
const aliveInterval = 100 * time.Millisecond

// comfort tells a client that its node serves while its requests wait, for room or because it
// has too many under way. What it sends behind them is not read meanwhile, not even its pings.
type comfort struct {
	waits atomic.Bool
	timer *time.Timer // the reader's; nil: it has not waited yet
}

// beginWait is called when the client's requests begin to wait. A client of an earlier release
// does not know the frame, and leaves after two ping intervals.
func (c *clientConn) beginWait() {
	if c.version < wire.VersionAlive {
		return
	}
	if c.comfort.timer == nil {
		c.comfort.timer = time.AfterFunc(aliveInterval, c.tellAlive)
	}
	c.comfort.waits.Store(true)
	c.comfort.timer.Reset(aliveInterval)
}

// endWait is called when they wait no more.
func (c *clientConn) endWait() {
	if c.comfort.timer != nil {
		c.comfort.waits.Store(false)
		c.comfort.timer.Stop()
	}
}

// tellAlive tells the client that its node serves, and sets the timer again.
func (c *clientConn) tellAlive() {
	if !c.comfort.waits.Load() {
		return
	}
	if c.f.reader.Serves() {
		c.say(wire.AppendAlive)
	}
	c.comfort.timer.Reset(aliveInterval)
}
