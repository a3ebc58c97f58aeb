package member

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxAudits is how many audits' digests a member remembers.
const maxAudits = 64

// auditEvery is how often clients may have an audit ordered. All that ask meanwhile share
// the next.
const auditEvery = 100 * time.Millisecond

// audits remembers this member's digests at the latest audits, and who waits for the next.
type audits struct {
	recent []auditDigest
	next   *barrier      // is to be ordered for clients; nil: none asks
	asked  time.Duration // when the latest was ordered for clients
}

type auditDigest struct{ position, digest uint64 }

// Digest answers with this member's digest at the audit ordered at p's position,
// or, when that is 0, at a new one, which is ordered within auditEvery. It waits for a
// position that is yet to come.
func (m *Member) Digest(p *Read) {
	p.audit = true
	if p.Position > 0 {
		m.Park(p)
		return
	}
	p.Position = afterBarrier
	if !m.addParked(p, 0) {
		return
	}
	a := &m.audits
	if a.next != nil {
		p.joinBarrier(a.next)
		return
	}
	a.next = &barrier{m: m}
	p.joinBarrier(a.next)
	if wait := a.asked + auditEvery - m.clock.Steady(); wait > 0 && a.asked > 0 {
		m.host.Timer(TimerAudit, wait)
		return
	}
	m.orderAskedAudit()
}

// orderAskedAudit orders the audit that clients wait for, if any still does.
func (m *Member) orderAskedAudit() {
	a := &m.audits
	next := a.next
	a.next = nil
	if len(next.reads) == 0 {
		return
	}
	a.asked = m.clock.Steady()
	m.orderAudit(Ticket{Waiter: next})
}

// digestAt is the answer to who asks for the digest at a position that is reached.
func (a *audits) digestAt(position uint64) wire.Reply {
	for _, d := range a.recent {
		if d.position == position {
			return wire.Reply{Position: position, Version: d.digest}
		}
	}
	return wire.Reply{Status: wire.StatusNotFound, Position: position, Data: fmt.Appendf(nil, "no audit at position %d is remembered here", position)}
}
