package server

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// ordinalClock times what the view's first member puts into the order: ticks,
// by which sessions expire, and audits. It belongs to the owner of the turn.
type ordinalClock struct {
	first   bool // this member is the view's first
	ticked  time.Time
	audited time.Time
	tick    time.Duration
	audit   time.Duration
	latest  uint64 // number of the latest tick among the commands submitted: the next waits for it
}

func (c *ordinalClock) enter(first bool) {
	if first && !c.first {
		now := time.Now()
		c.ticked, c.audited = now, now
	}
	c.first = first
}

// orderTime puts into the order what is due. A tick counts for one interval at
// most, however late it comes, and none is ordered without a lease, so that a
// stall of the group expires nobody.
func (r *replica) orderTime(now time.Time) {
	c := &r.clock
	if !c.first || r.core.Phase() != isis.Normal || !r.serves() {
		return
	}
	if since := now.Sub(c.ticked); since >= c.tick && c.latest <= r.submitted-uint64(r.waiting.n) {
		c.ticked, c.latest = now, r.submitted+1
		r.orderOwn(&wire.Command{Op: wire.OpTick, Delta: min(since, c.tick).Milliseconds()}, ticket{})
	}
	if now.Sub(c.audited) >= c.audit {
		c.audited = now
		r.orderAudit(ticket{})
	}
}

// maxAudits is how many audits' digests a replica remembers.
const maxAudits = 64

// audits remembers this replica's digests at the latest audits. It belongs to
// the owner of the turn.
type audits struct {
	recent  []auditDigest
	waiting []*parkedRead // for the audit at a position that is yet to come
}

type auditDigest struct{ position, digest uint64 }

// orderAudit has all members of the view compare their digests.
func (r *replica) orderAudit(t ticket) {
	voters := wire.AppendStrings(nil, memberNames(r.core.View().Members))
	r.orderOwn(&wire.Command{Op: wire.OpAudit, Value: voters}, t)
}

// audited notes this replica's digest at an audit, and in the next turn verifies a part
// of the state and votes with the digest. Owner only.
func (r *replica) audited(n *store.AuditNote) {
	position, digest := n.Position, n.Digest
	a := &r.audits
	a.recent = append(a.recent, auditDigest{position, digest})
	if len(a.recent) > maxAudits {
		a.recent = slices.Delete(a.recent, 0, len(a.recent)-maxAudits)
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(p *parkedRead) bool {
		switch {
		case p.position == position:
			r.finish(p, wire.Reply{Position: position, Version: digest})
		case p.position < position:
			r.finish(p, noAudit(p.position))
		}
		return p.position <= position
	})
	name := memberName(r.self)
	vote := wire.Command{
		Op: wire.OpAuditVote, Key: name, Expect: position,
		Value: binary.LittleEndian.AppendUint64(nil, digest),
	}
	votes := slices.Contains(n.Voters, name)
	r.post(func() {
		r.verify()
		// A digest that is kept beside a state that is damaged says nothing.
		if votes && r.damage.Load() == nil {
			r.orderOwn(&vote, ticket{})
		}
	})
}

// refuseAudits answers those that wait for an audit.
func (r *replica) refuseAudits() {
	for _, p := range r.audits.waiting {
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	}
	r.audits.waiting = nil
}

// decided takes the verdict of an audit, which all members come to at the same place of
// the order. Owner only.
func (r *replica) decided(v *store.Verdict) {
	if len(v.Differing) == 0 {
		return
	}
	r.log.Error("an audit found replicas that differ", "position", v.Position, "members", v.Differing)
	if slices.Contains(v.Differing, memberName(r.self)) {
		err := fmt.Errorf("server: the digest at position %d differs from that of most members", v.Position)
		r.post(func() { r.damagedBy(err) })
	}
}

// digest answers with this replica's digest at the audit ordered at p's position,
// or, when that is 0, at a new one. It waits for a position that is yet to come,
// until p's deadline. Owner only.
func (r *replica) digest(p *parkedRead) {
	if !r.serves() {
		r.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	if p.position == 0 {
		r.orderAudit(ticket{waiter: &auditOf{r, p}})
		return
	}
	for _, a := range r.audits.recent {
		if a.position == p.position {
			r.finish(p, wire.Reply{Position: p.position, Version: a.digest})
			return
		}
	}
	if p.position <= r.state.Load().Applied() || len(r.audits.waiting) >= maxAudits {
		r.finish(p, noAudit(p.position))
		return
	}
	r.audits.waiting = append(r.audits.waiting, p)
}

// auditOf waits for the audit whose digest a read asks for.
type auditOf struct {
	r    *replica
	read *parkedRead
}

// answer is part of waiter.
func (a *auditOf) answer(_ uint64, _ int, reply *wire.Reply) {
	if reply.Status != wire.StatusOK {
		a.r.finish(a.read, wire.Reply{Status: reply.Status})
		return
	}
	a.read.position = reply.Position
	a.r.digest(a.read)
}

// noAudit is the answer to who asks for the digest at a position that has none.
func noAudit(position uint64) wire.Reply {
	return wire.Reply{Status: wire.StatusNotFound, Position: position, Data: fmt.Appendf(nil, "no audit at position %d is remembered here", position)}
}

func memberName(m isis.MemberID) string {
	return fmt.Sprintf("%s#%d", m.ID, m.Incarnation)
}
