package server

import (
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/lease"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// processStart is what uptime counts from.
var processStart = time.Now()

// uptime is the clock of leases: it never goes back, and it goes on while the
// process is stopped.
func uptime() time.Duration { return time.Since(processStart) }

// tenure is this member's lease: without one it serves nobody. All but until
// belongs to the owner of the turn.
type tenure struct {
	until  atomic.Int64 // a time of uptime: from then on nobody is served
	lease  lease.Lease
	probes uint64 // number of the last probe
	probed time.Duration
	held   bool // the lease had not run out at the last look
}

// serves tells whether clients may be served now. Whoever reads the state asks
// first: a process that was stopped meanwhile finds its lease run out.
func (r *replica) serves() bool {
	return r.serving.Load() && int64(uptime()) < r.tenure.until.Load()
}

// probe asks the other members to vouch for this one. Owner only.
func (r *replica) probe() {
	t := &r.tenure
	t.probes++
	t.probed = uptime()
	t.lease.Probed(t.probes, t.probed)
	r.core.Probe(t.probes)
}

// probeIfDue probes as often as heartbeats go to the registry. Owner only.
func (r *replica) probeIfDue() {
	if uptime()-r.tenure.probed >= time.Duration(r.timing.heartbeat.Load()) {
		r.probe()
	}
}

// vouched takes the registry's answer to a heartbeat: if it knows of no view
// after the one that the heartbeat named, this member was in the newest one
// when it was sent. Owner only.
func (r *replica) vouched(d *registrypb.Directive, b sentBeat) {
	view := b.req.GetView()
	if view == 0 || d.GetExcluded() || d.GetGroup() != r.group || d.GetGeneration() != r.generation {
		return
	}
	for _, v := range d.GetViews() {
		if v.GetId() > view {
			return
		}
	}
	r.tenure.lease.Vouched(b.at, uptime())
}

// renew takes what others have vouched for in this turn. The first lease is what
// makes the replica serve. Owner only.
func (r *replica) renew() {
	t := &r.tenure
	t.lease.Time = r.detection()
	t.lease.Answered(r.core.Vouched(), uptime())
	t.until.Store(int64(t.lease.Until()))
	if t.held || !r.serves() {
		return
	}
	t.held = true
	select {
	case <-r.joined:
		r.log.Info("serves again: it has a lease")
	default:
		close(r.joined)
	}
}

// lapseIfDue tells those who wait when the lease has run out. Owner only.
func (r *replica) lapseIfDue() {
	if !r.tenure.held || r.serves() {
		return
	}
	r.tenure.held = false
	r.log.Warn("serves nobody for now: neither the registry nor all other members say that its view is the newest",
		"view", r.core.View().ID, "phase", r.core.Phase().String())
	// A write may still take effect: its session tries again elsewhere, and the
	// group answers the second with the result of the first.
	for {
		w, waits := r.waiting.expire(time.Now().Add(defaultTimeout))
		if !waits {
			break
		}
		r.answer(w, wire.Result{Status: wire.StatusInterrupted})
	}
	r.refuseReads()
}
