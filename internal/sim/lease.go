package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/lease"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leases is a replica's lease, by its process's clock: without one it serves nobody.
// This file follows server/lease.go: a change there needs the same here.
type leases struct {
	until    time.Duration
	lease    lease.Lease
	probes   uint64
	probed   time.Duration
	held     bool
	everHeld bool
}

func (r *replica) serves() bool { return r.serving && r.p.local() < r.leases.until }

func (r *replica) sendProbe() {
	t := &r.leases
	t.probes++
	t.probed = r.p.local()
	t.lease.Probed(t.probes, t.probed)
	r.core.Probe(t.probes)
}

// takeVouch takes the registry's answer to a heartbeat.
func (r *replica) takeVouch(d *membership.Directive, sent *beat) {
	view := sent.report.View
	if view == 0 || d.Excluded || d.Group != r.group || d.Generation != r.generation {
		return
	}
	for i := range d.Views {
		if d.Views[i].ID > view {
			return
		}
	}
	r.leases.lease.Vouched(sent.at, r.p.local())
}

// renewLease takes what others have vouched for in this turn.
func (r *replica) renewLease() {
	t := &r.leases
	t.lease.Time = r.w.traits.detection
	t.lease.Answered(r.core.Vouched(), r.p.local())
	t.until = t.lease.Until()
	if r.damage.barred {
		t.until = 0
	}
	if !t.held && r.serves() {
		t.held, t.everHeld = true, true
	}
}

// lapseIfDue tells those who wait when the lease has run out.
func (r *replica) lapseIfDue() {
	if !r.leases.held || r.serves() {
		return
	}
	r.leases.held = false
	r.w.counts.Lapses++
	if r.w.tracing() {
		r.w.trace("%s has no lease any more", r)
	}
	for i := range r.waiting {
		c := &r.waiting[i]
		r.answer(*c, wire.Result{Status: wire.StatusInterrupted})
		c.done = nil
	}
	r.refuseReads()
}
