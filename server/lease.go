package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/cycles"
	"github.com/seed-8247e700/dsm/internal/lease"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// moment is a time by two clocks, since the process began. The steady one never
// goes back, and goes on while the process is stopped, but on some systems not
// while the machine sleeps. The one on the wall does then, but may be set.
type moment struct{ steady, wall time.Duration }

var processStart = time.Now()

func rightNow() moment {
	t := time.Now()
	return moment{steady: t.Sub(processStart), wall: time.Duration(t.UnixNano() - processStart.UnixNano())}
}

// leases is this member's right to serve clients: a lease by each clock, of which
// neither may have run out. All but until, look and leased belongs to the owner of
// the turn.
type leases struct {
	until struct{ steady, wall atomic.Int64 } // from then on nobody is served
	look  look

	steady, wall lease.Lease
	probes       uint64 // number of the last probe
	probed       time.Duration
	ahead        time.Duration // by how much the clock on the wall was ahead of the steady one, at most
	held         bool          // there is a lease, and nobody was told that it ran out
	doubted      time.Duration // since when it has run out by the clock on the wall alone, 0: it has not
	barred       bool          // nobody is to be served, whatever the lease

	doubts chan struct{} // has room for one; full when a reader has found the lease in doubt
	asked  atomic.Bool   // doubts was filled since the lease was last in no doubt

	mu     sync.Mutex    // guards leased
	leased chan struct{} // closed while held
}

// serves tells whether clients may be served now. Whoever reads the state asks
// first: a process that was stopped meanwhile finds its lease run out.
func (r *replica) serves() bool {
	if !r.inView.Load() {
		return false
	}
	count := cycles.Now()
	return r.leases.look.holds(count) || r.leases.last(count)
}

// last looks at both clocks to see whether the lease lasts. count is what the
// processor's counter said before.
func (l *leases) last(count uint64) bool {
	now := rightNow()
	steady, wall := l.until.steady.Load()-int64(now.steady), l.until.wall.Load()-int64(now.wall)
	if cycles.Steady() {
		l.look.took(count, time.Duration(min(steady, wall)))
	}
	if steady > 0 && wall <= 0 && l.asked.CompareAndSwap(false, true) {
		select {
		case l.doubts <- struct{}{}:
		default:
		}
	}
	return steady > 0 && wall > 0
}

// whenLeased returns what is closed while there is a lease.
func (l *leases) whenLeased() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leased
}

// sendProbe asks the other members to vouch for this one. Owner only.
func (r *replica) sendProbe() {
	l, now := &r.leases, rightNow()
	l.probes++
	l.probed = now.steady
	l.steady.Probed(l.probes, now.steady)
	l.wall.Probed(l.probes, now.wall)
	r.core.Probe(l.probes)
}

// probeIfDue probes as often as heartbeats go to the registry. Owner only.
func (r *replica) probeIfDue() {
	if rightNow().steady-r.leases.probed >= time.Duration(r.timing.heartbeat.Load()) {
		r.sendProbe()
	}
}

// takeVouch takes the registry's answer to a heartbeat: if it knows of no view
// after the one that the heartbeat named, this member was in the newest one when
// it was sent. Owner only.
func (r *replica) takeVouch(d *membership.Directive, b sentBeat) {
	view := b.report.View
	if view == 0 || d.Excluded || d.Group != r.group || d.Generation != r.generation {
		return
	}
	for i := range d.Views {
		if d.Views[i].ID > view {
			return
		}
	}
	now := rightNow()
	r.leases.steady.Vouched(b.at.steady, now.steady)
	r.leases.wall.Vouched(b.at.wall, now.wall)
}

// leastStep is by how much a clock is set, at least. What is below it may be the time
// between the looks at both.
const leastStep = time.Millisecond

// compare notes a step back of the clock on the wall. Otherwise the lease by it would
// last longer by as much, and would not run out while the machine sleeps. Owner only.
func (l *leases) compare(now moment) {
	ahead := now.wall - now.steady
	if back := l.ahead - ahead; back >= leastStep {
		l.wall.SetBack(back)
		l.ahead = ahead
	}
	l.ahead = max(l.ahead, ahead)
}

// renewLease takes what was vouched for in this turn. The first lease is what
// makes the replica serve. Owner only.
func (r *replica) renewLease() {
	l, number, now := &r.leases, r.core.Vouched(), rightNow()
	l.compare(now)
	l.steady.Time, l.wall.Time = r.detection(), r.detection()
	l.steady.Answered(number, now.steady)
	l.wall.Answered(number, now.wall)
	if l.barred {
		setIfNew(&l.until.steady, 0)
		setIfNew(&l.until.wall, 0)
		l.look.forget()
		return
	}
	setIfNew(&l.until.steady, l.steady.Until())
	setIfNew(&l.until.wall, l.wall.Until())
	if l.held || !r.serves() {
		return
	}
	l.held = true
	l.mu.Lock()
	close(l.leased)
	l.mu.Unlock()
	select {
	case <-r.joined:
		r.log.Info("serves again: it has a lease")
	default:
		close(r.joined)
	}
}

// setIfNew stores what readers look at all the time, and have in their caches,
// only when it changes.
func setIfNew(until *atomic.Int64, end time.Duration) {
	if until.Load() != int64(end) {
		until.Store(int64(end))
	}
}

// inDoubt reports whether the lease has run out by the clock on the wall alone: the
// clock was set forward, or the machine stood still. Which it was nobody here can tell,
// so that clients are refused. But the members are asked at once, and those who wait are
// not told before the answers can have come. Owner only.
func (r *replica) inDoubt() bool {
	l, now := &r.leases, rightNow()
	steady, wall := l.until.steady.Load()-int64(now.steady), l.until.wall.Load()-int64(now.wall)
	if l.barred || !r.inView.Load() || wall > 0 || steady < int64(leastStep) {
		return false
	}
	if l.doubted == 0 {
		l.doubted = now.steady
		r.log.Warn("the clock on the wall was set forward, or the machine stood still: refusing clients until the registry or all members confirm the view",
			"view", r.core.View().ID)
		r.sendProbe()
		r.sendBeat(time.Now())
	}
	return now.steady-l.doubted < time.Duration(r.timing.heartbeat.Load())
}

// lapseIfDue tells those who wait when the lease has run out. Owner only.
func (r *replica) lapseIfDue() {
	if r.serves() {
		r.leases.doubted = 0
		r.leases.asked.Store(false)
		return
	}
	if !r.leases.held || r.inDoubt() {
		return
	}
	r.log.Warn("lease expired, refusing clients: no confirmation from the registry or from all members; what this node has can be read, possibly stale ("+r.rescue()+")",
		"view", r.core.View().ID, "phase", r.core.Phase().String())
	r.lapse()
}

// lapse tells those who wait that the replica serves nobody. Owner only.
func (r *replica) lapse() {
	l := &r.leases
	l.held = false
	l.mu.Lock()
	l.leased = make(chan struct{})
	l.mu.Unlock()
	// A write may still take effect: its session tries again elsewhere, and the
	// group answers the second with the result of the first.
	for {
		t, size, waits := r.waiting.expireNext()
		if !waits {
			break
		}
		r.tell(t, size, wire.Reply{Status: wire.StatusInterrupted})
	}
	r.refuseReads()
	r.refuseAudits()
	r.wakeWaiting() // those that wait for admission give up
}
