package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// ordinalClock times what the view's first member puts into the order.
type ordinalClock struct {
	first           bool
	ticked, audited time.Duration
	tick, audit     time.Duration
	latest          uint64 // number of the latest tick among the commands submitted
}

func (c *ordinalClock) enter(r *replica, first bool) {
	if first && !c.first {
		c.ticked, c.audited = r.p.local(), r.p.local()
	}
	c.first = first
}

func (r *replica) orderTime(now time.Duration) {
	c := &r.clock
	if !c.first || r.core.Phase() != isis.Normal || !r.serves() {
		return
	}
	if since := now - c.ticked; since >= c.tick && c.latest <= r.submitted-uint64(len(r.waiting)) {
		c.ticked, c.latest = now, r.submitted+1
		r.submitOwn(&wire.Command{Op: wire.OpTick, Delta: min(since, c.tick).Milliseconds()}, nil)
	}
	if now-c.audited >= c.audit {
		c.audited = now
		var voters []string
		for _, m := range r.core.View().Members {
			voters = append(voters, memberName(m))
		}
		r.submitOwn(&wire.Command{Op: wire.OpAudit, Value: wire.AppendStrings(nil, voters)}, nil)
	}
}

func (r *replica) takeAudit(n *store.AuditNote) {
	r.audited()
	name := memberName(r.self)
	votes := slices.Contains(n.Voters, name)
	vote := wire.Command{
		Op: wire.OpAuditVote, Key: name, Expect: n.Position,
		Value: binary.LittleEndian.AppendUint64(nil, n.Digest),
	}
	r.post(func() {
		r.verify()
		if votes && !r.damage.known {
			r.submitOwn(&vote, nil)
		}
	})
}

func (r *replica) decided(v *store.Verdict) {
	r.w.counts.Audits++
	if len(v.Differing) > 0 {
		r.differ(v.Position, v.Differing)
	}
}
