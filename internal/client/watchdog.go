package client

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// ticksPerPing is how often within a ping interval the watchdog looks.
const ticksPerPing = 8

// Why calls fail that a node leaves without an answer: it says nothing at all, or
// it says that it serves nobody now, and does not tell those that wait.
var (
	errSilent     = errors.New("client: the node does not answer")
	errNotServing = errors.New("client: the node serves no clients now")
)

// watchdog looks after a connection while requests are in flight, or watches under way. A node that
// is silent for a ping interval is pinged; after another one, in which no byte has passed
// either, the connection is given up, so that its calls can go elsewhere. So it is when the
// node answers that it does not serve: what is in flight then waits in vain.
type watchdog struct {
	timer   *time.Timer
	running bool
	silent  int    // ticks since anything was heard
	pinged  bool   // since anything was heard
	ping    uint64 // id of the last ping
	behind  int64  // so many bytes the last ping was queued
	passed  int64  // of those, and of what has come, when it was looked last
}

// startLocked starts the watchdog unless it runs.
func (w *watchdog) startLocked(c *Conn) {
	if w.running {
		return
	}
	w.running, w.silent, w.pinged = true, 0, false
	if w.timer == nil {
		w.timer = time.AfterFunc(c.tick, c.watch)
	} else {
		w.timer.Reset(c.tick)
	}
}

// heard notes that something has arrived.
func (w *watchdog) heard() {
	w.silent, w.pinged = 0, false
}

// look gives the node another interval if bytes pass that its answer to the ping is behind.
// What was sent after the ping does not count: the system of a node that is stuck takes it.
func (w *watchdog) look(p *passage) {
	if passed := p.passed(w.behind); passed > w.passed {
		w.passed, w.silent = passed, ticksPerPing
	}
}

// stop ends the watchdog for good.
func (w *watchdog) stop() {
	w.running = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// watch is one tick.
func (c *Conn) watch() {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	w := &c.watchdog
	if c.slots.taken == 0 && !c.out.flushing && !c.watches.any() {
		w.running = false
		c.mu.Unlock()
		return
	}
	w.silent++
	if w.pinged {
		w.look(&c.passage)
	}
	if w.silent >= 2*ticksPerPing && w.pinged {
		c.mu.Unlock()
		c.failFromWithin(errSilent)
		return
	}
	flush := false
	if w.silent >= ticksPerPing && !w.pinged {
		w.pinged = true
		w.behind = c.out.taken + int64(len(c.out.frames))
		w.passed = c.passage.passed(w.behind)
		w.ping = c.slots.take(nil)
		flush = c.enqueueLocked(&wire.Request{ID: w.ping, Kind: wire.RequestPing, Timeout: c.timeout}, nil)
	}
	w.timer.Reset(c.tick)
	c.mu.Unlock()
	if flush {
		c.flush()
	}
}
