package driver

import (
	"cmp"
	"slices"
	"time"
)

// minSweep keeps the sweeper from running all the time.
const minSweep = 10 * time.Millisecond

// epoch is the beginning of time as links keep it.
var epoch = time.Now()

// steady returns a time as links keep it: in ns since epoch, by the clock that
// nobody sets.
func steady(t time.Time) int64 { return int64(t.Sub(epoch)) }

// isClosed reports whether the link's connection has been closed.
func (l *link) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// set changes the pool's settings, and holds its connections to them.
func (p *pool) set(change func(*limits)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.limits)
	p.maxIdle.Store(int64(p.limits.maxIdle))
	if p.closed {
		return
	}
	p.sweepLocked()
	// More may be allowed than before.
	p.serveLocked()
}

// sweep gives up connections that are too old, idle for too long, or too many.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.sweepLocked()
	}
}

func (p *pool) sweepLocked() {
	links := slices.Clone(*p.links.Load())
	// Those that are busy are looked at first, so that they are kept first.
	slices.SortStableFunc(links, func(a, b *link) int {
		return cmp.Compare(min(b.inFlight.Load(), 1), min(a.inFlight.Load(), 1))
	})
	kept, idle := 0, 0
	gone := make(map[*link]bool)
	for _, l := range links {
		isIdle := l.inFlight.Load() == 0
		if p.expiredLocked(l, isIdle) ||
			(p.limits.maxOpen > 0 && kept >= p.limits.maxOpen) ||
			(isIdle && l.limit > 0 && idle >= p.limits.maxIdle) {
			gone[l] = true
			continue
		}
		kept++
		if isIdle {
			idle++
		}
	}
	if len(gone) > 0 {
		p.retireLocked(func(l *link) bool { return gone[l] })
	}
	p.sweepLaterLocked()
}

// expiredLocked reports whether a link has reached its age, or idled too long.
// A link without a limit is an embedded node's, and does not idle: its reads
// are not counted.
func (p *pool) expiredLocked(l *link, isIdle bool) bool {
	if p.limits.maxLifetime > 0 && time.Since(l.created) >= p.limits.maxLifetime {
		return true
	}
	return p.limits.maxIdleTime > 0 && isIdle && l.limit > 0 && steady(time.Now())-l.idleSince.Load() >= int64(p.limits.maxIdleTime)
}

// sweepLaterLocked has the pool swept again when a limit on time may be reached.
func (p *pool) sweepLaterLocked() {
	interval := p.limits.maxLifetime
	if idle := p.limits.maxIdleTime; idle > 0 && (interval == 0 || idle < interval) {
		interval = idle
	}
	if interval == 0 || len(*p.links.Load()) == 0 {
		return
	}
	// A link is gone at most a quarter of its time late.
	interval = max(interval/4, minSweep)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(interval, p.sweep)
		return
	}
	p.sweeper.Reset(interval)
}
