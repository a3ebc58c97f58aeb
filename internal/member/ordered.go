package member

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// ordinalClock times what the view's first member puts into the order: ticks,
// by which sessions expire, and audits.
type ordinalClock struct {
	first   bool // this member is the view's first
	ticked  time.Duration
	audited time.Duration
	tick    time.Duration
	audit   time.Duration
	latest  uint64        // number of the latest tick among the commands submitted: the next waits for it
	sent    time.Duration // when the latest tick was submitted
	refused time.Duration // when the core last took no tick, since too much waits in it already
	timing  bool          // how long that took is not known yet
	took    time.Duration // until the tick before had been applied here
	armed   time.Duration // when TimerClock fires, 0: never
	quota   *store.Quota  // that the group is to have, nil: not known
	bound   uint64        // number of the latest quota among the commands submitted
	own     time.Duration // of the mistake that planted.TimerOwnClock names
}

func (c *ordinalClock) enter(first bool, now time.Duration) {
	if first && !c.first {
		// What passed before is for the first member of before to count. If nobody has,
		// it is lost: what expires does so later, not earlier.
		if !planted.On(planted.TimeCountedTwice) {
			c.ticked = now
		}
		c.audited = now
	}
	c.first, c.timing = first, false
}

const (
	// leastTick is how soon after a tick the next may come, and how soon after one that was
	// refused it is tried again.
	leastTick = 10 * time.Millisecond

	// While more variables are due than one tick removes, ticks take no more than one part in
	// so many of the time, and the writes of clients have the others.
	tickShare = 3
	leastRest = time.Millisecond
)

// interval is how long after the latest tick the next is due, given what waits for it.
func (c *ordinalClock) interval(due store.Due) time.Duration {
	if due.Timed && due.Left == 0 { // the latest tick has left some
		return min(c.tick, max(tickShare*c.took, leastRest))
	}
	wait := c.tick
	if due.Unarmed {
		wait = min(wait, leastTick)
	}
	if due.Timed {
		wait = min(wait, max(time.Duration(due.Left)*time.Millisecond, leastTick))
	}
	return wait
}

// orderTime puts into the order what is due. A tick counts for one interval at
// most, however late it comes, and none is ordered without a lease, so that a
// stall of the group expires nobody. Nothing may be applied between the caller's look at
// the clock, which is now, and this.
func (m *Member) orderTime(now time.Duration) {
	c := &m.ordinal
	if !m.ticks() {
		return
	}
	s := m.reader.state.Load()
	m.orderQuota(s)
	if !m.tickUnderWay() && now-c.ticked >= c.interval(s.Due()) {
		m.orderTick(s, now)
	}
	if now-c.audited >= c.audit {
		c.audited = now
		m.orderAudit(Ticket{})
	}
}

// orderTick orders a tick. If the core takes none, what it would have counted is for the next.
func (m *Member) orderTick(s *store.Store, now time.Duration) {
	c := &m.ordinal
	since := now - c.ticked
	counts := min(since, c.tick).Truncate(time.Millisecond)
	ticked := now
	if since < c.tick {
		ticked -= since - counts // for the next
	}
	if planted.On(planted.StallCountsInFull) {
		counts = since
	}
	tick := wire.Command{Op: wire.OpTick, Delta: counts.Milliseconds()}
	if m.reader.FeatureLevel() >= wire.OpClock.Operation().Level {
		tick.Op, tick.Expect = wire.OpClock, s.Applied()
	}
	if !m.orderOwn(&tick, Ticket{}) {
		c.refused = now
		return
	}
	c.ticked, c.latest = ticked, m.submitted
	c.sent, c.timing = now, true
}

// orderQuota puts the group's quota into the order, if the state has another.
func (m *Member) orderQuota(s *store.Store) {
	c := &m.ordinal
	if c.quota == nil || m.reader.FeatureLevel() < wire.OpQuota.Operation().Level || m.underWay(c.bound) {
		return
	}
	if has, _ := s.Quota(); has == *c.quota {
		return
	}
	if m.orderOwn(&wire.Command{Op: wire.OpQuota, Delta: int64(c.quota.Bytes), Expect: c.quota.Variables}, Ticket{}) {
		c.bound = m.submitted
	}
}

// ticks reports whether it is this member that has time pass, and may now.
func (m *Member) ticks() bool {
	return m.ordinal.first && m.core.Phase() == isis.Normal && m.reader.Serves()
}

// tickUnderWay reports whether the latest tick has not been delivered yet.
func (m *Member) tickUnderWay() bool { return m.underWay(m.ordinal.latest) }

// underWay reports whether a command of this member, by its number among those submitted, has
// not been delivered yet.
func (m *Member) underWay(number uint64) bool {
	return number > m.submitted-uint64(m.waiting.Len())
}

// armClockTimer arms the timer of the next tick, if something waits for one that pulses
// would order too late. If a tick is not possible now, the pulses try again.
func (m *Member) armClockTimer() {
	c := &m.ordinal
	if !c.first {
		return
	}
	if c.timing && !m.tickUnderWay() {
		c.took, c.timing = m.clock.Steady()-c.sent, false
	}
	due := m.reader.state.Load().Due()
	if due == (store.Due{}) || m.tickUnderWay() || !m.ticks() {
		return
	}
	at := max(c.ticked+c.interval(due), c.refused+leastTick)
	if c.armed != 0 && c.armed <= at {
		return
	}
	c.armed = at
	m.host.Timer(TimerClock, max(at-m.clock.Steady(), 1))
}

// vote is this member's part in an audit, once it has verified its share.
type vote struct {
	store.AuditNote
	counts bool // this member is one of the voters
}

// orderAudit has all members of the view compare their digests.
func (m *Member) orderAudit(t Ticket) {
	voters := wire.AppendStrings(nil, Names(m.core.View().Members))
	m.orderOwn(&wire.Command{Op: wire.OpAudit, Value: voters}, t)
}

// audited notes this member's digest at an audit, and has it vote with the digest
// later in the turn.
func (m *Member) audited(n *store.AuditNote) {
	position, digest := n.Position, n.Digest
	a := &m.audits
	a.recent = append(a.recent, auditDigest{position, digest})
	a.recent = slices.Delete(a.recent, 0, max(len(a.recent)-maxAudits, 0))
	m.due.votes = append(m.due.votes, vote{*n, slices.Contains(n.Voters, m.self.String())})
	m.host.Event(Audited{Position: position})
}

// vote verifies a part of the state and tells the others the digest. One that is kept
// beside a state that is damaged says nothing.
func (m *Member) vote(v *vote) {
	m.verify()
	if !v.counts || m.reader.damage.Load() != nil {
		return
	}
	m.orderOwn(&wire.Command{
		Op: wire.OpAuditVote, Key: m.self.String(), Expect: v.Position,
		Value: binary.LittleEndian.AppendUint64(nil, v.Digest),
	}, Ticket{})
}

// decided takes the verdict of an audit, which all members come to at the same place of
// the order.
func (m *Member) decided(v *store.Verdict) {
	m.host.Event(Verdict{Position: v.Position, Differing: v.Differing})
	if slices.Contains(v.Differing, m.self.String()) {
		m.due.damage = fmt.Errorf("server: the digest at position %d differs from that of most members", v.Position)
	}
}

// Names returns the name of each member.
func Names(members []isis.MemberID) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.String()
	}
	return names
}
