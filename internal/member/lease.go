package member

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/lease"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leases is this member's right to serve clients: a lease by each clock, of which
// neither may have run out. What readers need of it is in the Reader.
type leases struct {
	steady, wall lease.Lease
	probes       uint64 // number of the last probe
	probed       time.Duration
	ahead        time.Duration // by how much the clock on the wall was ahead of the steady one, at most
	back         time.Duration // by how much it was set back, in all
	held         bool          // there is a lease, and those who wait have not had to be refused
	ever         bool          // there was one
	doubted      time.Duration // since when it has run out by the clock on the wall alone, 0: it has not
	barred       bool          // nobody is to be served, whatever the lease
}

// sendProbe asks the other members to vouch for this one.
func (m *Member) sendProbe() {
	l, now := &m.leases, m.clock.Now()
	l.probes++
	l.probed = now.Steady
	l.steady.Probed(l.probes, now.Steady)
	l.wall.Probed(l.probes, now.Wall)
	m.core.Probe(l.probes)
}

// probeIfDue probes as often as heartbeats go to the registry.
func (m *Member) probeIfDue() {
	if m.clock.Steady()-m.leases.probed >= m.heartbeat {
		m.sendProbe()
	}
}

// takeVouch takes the registry's answer to a heartbeat: if it knows of no view
// after the one that the heartbeat named, this member was in the newest one when
// it was sent.
func (m *Member) takeVouch(b *Beat, d *membership.Directive) {
	view := b.Report.View
	if view == 0 || d.Excluded || d.Group != m.group || d.Generation != m.generation {
		return
	}
	for i := range d.Views {
		if d.Views[i].ID > view {
			return
		}
	}
	now, asked := m.clock.Now(), b.At
	m.leases.compare(now)
	asked.Wall -= m.leases.back - b.back // it was set back since
	if planted.On(planted.LeaseFromAnswer) {
		asked = now
	}
	m.leases.steady.Vouched(asked.Steady, now.Steady)
	m.leases.wall.Vouched(asked.Wall, now.Wall)
}

// leastStep is by how much a clock is set, at least. What is below it may be the time
// between the looks at both.
const leastStep = time.Millisecond

// compare notes a step back of the clock on the wall. Otherwise the lease by it would
// last longer by as much, and would not run out while the machine sleeps.
func (l *leases) compare(now clock.Moment) {
	ahead := now.Wall - now.Steady
	if back := l.ahead - ahead; back >= leastStep {
		l.wall.SetBack(back)
		l.back += back
		l.ahead = ahead
	}
	l.ahead = max(l.ahead, ahead)
}

// renewLease takes what was vouched for in this turn. The first lease is what
// makes the member serve.
func (m *Member) renewLease() {
	l, r, number, now := &m.leases, m.reader, m.core.Vouched(), m.clock.Now()
	l.compare(now)
	l.steady.Time, l.wall.Time = r.Detection(), r.Detection()
	l.steady.Answered(number, now.Steady)
	l.wall.Answered(number, now.Wall)
	if l.barred {
		setIfNew(&r.until.steady, 0)
		setIfNew(&r.until.wall, 0)
		r.look.forget()
		return
	}
	setIfNew(&r.until.steady, l.steady.Until())
	setIfNew(&r.until.wall, l.wall.Until())
	if l.held || !r.Serves() {
		return
	}
	first := !l.ever
	l.held, l.ever = true, true
	m.host.Event(Serves{First: first})
}

// setIfNew stores what readers look at all the time, and have in their caches,
// only when it changes.
func setIfNew(until *atomic.Int64, end time.Duration) {
	if until.Load() != int64(end) {
		until.Store(int64(end))
	}
}

// inDoubt reports whether the lease has run out by the clock on the wall alone: the
// clock was set forward, or the machine stood still. Nobody here can tell which, so
// clients are refused. But the members are asked at once, and those who wait are not
// refused before the answers can have come.
func (m *Member) inDoubt() bool {
	l, now := &m.leases, m.clock.Now()
	steady, wall := m.reader.left(now)
	if l.barred || !m.reader.inView.Load() || wall > 0 || steady < leastStep {
		return false
	}
	if l.doubted == 0 {
		l.doubted = now.Steady
		m.host.Event(Doubted{View: m.core.View().ID})
		m.sendProbe()
		m.sendBeat()
	}
	return now.Steady-l.doubted < m.heartbeat
}

// lapseIfDue refuses those who wait when the lease has run out.
func (m *Member) lapseIfDue() {
	if m.reader.Serves() {
		m.leases.doubted = 0
		m.reader.asked.Store(false)
		return
	}
	if !m.leases.held || m.inDoubt() {
		return
	}
	m.lapse(true)
}

// lapse refuses those who wait: the member serves nobody.
func (m *Member) lapse(expired bool) {
	m.leases.held = false
	m.host.Event(Lapsed{Expired: expired, View: m.core.View().ID, Phase: m.core.Phase()})
	// A write may still take effect: its session tries again elsewhere, and the
	// group answers the second with the result of the first.
	for {
		t, size, waits := m.waiting.expireNext()
		if !waits {
			break
		}
		m.answer(t, size, wire.Reply{Status: wire.StatusInterrupted})
	}
	m.refuseReads()
}
