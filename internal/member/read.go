package member

import (
	"math"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// DefaultTimeout bounds how long a request waits that names no time of its own.
const DefaultTimeout = 30 * time.Second

// Read is a read that may wait: until the member has applied a position, until a barrier
// is here, or for an audit.
type Read struct {
	Ticket
	Position uint64        // that the answer is to reflect; of an audit, 0: a new one
	Deadline time.Duration // by the steady clock
	Key      string        // of the variable

	// Nothing is set if the answer is to have nothing but the position.
	Nothing bool

	// Reached, if set, is called within the turn in which the position is reached, in
	// place of an answer, which it sees to by Member.Answer.
	Reached func(*Member, *Read)

	// Stale is set if the member need not serve.
	Stale bool

	// Account is that of the client; nil: the client is the member's own process.
	Account *Account

	seen   uint64      // what Position has to reach at least, of a strong read
	status wire.Status // of the barrier that a strong read waited for
	audit  bool        // the answer is the digest at the position

	// Of a read that waits.
	number    uint64 // in the order in which they came
	index     int    // in parking.reads
	ofAccount int    // in Account.reads
	barrier   *barrier
	ofBarrier int // in barrier.reads
}

// afterBarrier is the position of a strong read whose barrier is under way.
const afterBarrier = math.MaxUint64

// Park answers a read once the member has applied its position. If the member does not
// serve, too many reads wait, or the position is farther ahead than any that a client can have
// seen, the answer is StatusUnavailable.
func (m *Member) Park(p *Read) {
	if m.reader.state.Load().Applied() >= p.Position {
		m.read(p)
		return
	}
	m.addParked(p, p.Position)
}

// ReadStrong answers a read once a barrier that is ordered after this moment is here,
// and its position.
func (m *Member) ReadStrong(p *Read) {
	p.seen, p.Position = p.Position, afterBarrier
	if m.addParked(p, p.seen) {
		m.awaitBarrier(p)
	}
}

// placed says where the barrier of a strong read is.
func (m *Member) placed(p *Read, position uint64, status wire.Status) {
	p.leaveBarrier()
	if planted.On(planted.ParkedUnindexed) {
		return
	}
	p.Position, p.status = max(p.seen, position), status
	if status != wire.StatusOK {
		p.Position = 0
	}
	m.parked.reads.Fix(p.index)
}

// read answers a read whose position is reached.
func (m *Member) read(p *Read) {
	switch {
	case p.status != wire.StatusOK:
		m.finish(p, wire.Reply{Status: p.status})
	case !m.reader.Serves() && !p.Stale && !planted.On(planted.WokenWithoutLease):
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	case p.audit:
		m.finish(p, m.audits.digestAt(p.Position))
	case p.Nothing:
		m.finish(p, wire.Reply{Position: p.Position})
	case p.Reached != nil:
		p.Reached(m, p)
	default:
		m.finish(p, GetReply(m.reader.state.Load().Get(p.Key)))
	}
}

func (m *Member) finish(p *Read, reply wire.Reply) { m.answer(p.Ticket, 0, reply) }

// wake answers the parked reads whose position has been reached.
func (m *Member) wake() {
	applied := m.reader.state.Load().Applied()
	for p := m.parked.take(applied); p != nil; p = m.parked.take(applied) {
		m.read(p)
	}
}

// expireReads answers the parked reads whose time is up.
func (m *Member) expireReads(now time.Duration) {
	for _, p := range m.parked.takeLate(now) {
		m.finish(p, wire.Reply{Status: wire.StatusTimeout})
	}
}

// refuseReads answers the parked reads when the member does not serve any more.
func (m *Member) refuseReads() {
	for p := m.parked.take(math.MaxUint64); p != nil; p = m.parked.take(math.MaxUint64) {
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	}
}

// GetReply returns the answer to a read, of what the store has.
func GetReply(value []byte, version, position uint64) wire.Reply {
	if version == 0 {
		return wire.Reply{Status: wire.StatusNotFound, Position: position}
	}
	return wire.Reply{Position: position, Version: version, Data: value}
}

// barrier is an ordered no-op, or an audit, and the reads that wait for it: all that came
// before the message that carries it went out. It is the waiter of its own command.
type barrier struct {
	m      *Member
	number uint64  // among the commands submitted
	reads  []*Read // in no order
}

// awaitBarrier has a read placed when a no-op that is ordered after this moment has
// been delivered here.
func (m *Member) awaitBarrier(p *Read) {
	if m.barrier != nil && (m.barrier.number > m.submitted-uint64(m.core.Pending()) || planted.On(planted.BarrierShared)) {
		p.joinBarrier(m.barrier)
		return
	}
	m.barrier = &barrier{m: m, number: m.submitted + 1}
	p.joinBarrier(m.barrier)
	m.orderOwn(&wire.Command{Op: wire.OpBarrier}, Ticket{Waiter: m.barrier})
}

func (p *Read) joinBarrier(b *barrier) {
	p.barrier, p.ofBarrier = b, len(b.reads)
	b.reads = append(b.reads, p)
}

// leaveBarrier is called when a read waits for its barrier no more.
func (p *Read) leaveBarrier() {
	b := p.barrier
	if b == nil {
		return
	}
	p.barrier = nil
	b.reads = removeAt(b.reads, p.ofBarrier)
	if p.ofBarrier < len(b.reads) {
		b.reads[p.ofBarrier].ofBarrier = p.ofBarrier
	}
}

// Answer is part of Waiter.
func (b *barrier) Answer(_ uint64, _ int, reply *wire.Reply) {
	if b.m.barrier == b {
		b.m.barrier = nil // one that was refused waits for nothing
	}
	for len(b.reads) > 0 {
		b.m.placed(b.reads[len(b.reads)-1], reply.Position, reply.Status)
	}
}
