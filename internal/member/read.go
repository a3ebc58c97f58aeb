package member

import (
	"math"
	"slices"
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

	seen   uint64      // what Position has to reach at least, of a strong read
	status wire.Status // of the barrier that a strong read waited for
}

// afterBarrier is the position of a strong read whose barrier is under way.
const afterBarrier = math.MaxUint64

// maxParked bounds the reads that wait at a member.
const maxParked = 1 << 17

// parking is the reads that wait.
type parking struct {
	reads []*Read
	next  uint64 // no read waits for a position below it
}

// Park answers a read once the member has applied its position. If the member does not
// serve, or too many reads wait, the answer is StatusUnavailable.
func (m *Member) Park(p *Read) {
	if m.reader.state.Load().Applied() >= p.Position {
		m.read(p)
		return
	}
	m.addParked(p)
}

// ReadStrong answers a read once a barrier that is ordered after this moment is here,
// and its position.
func (m *Member) ReadStrong(p *Read) {
	p.seen, p.Position = p.Position, afterBarrier
	if m.addParked(p) {
		m.awaitBarrier(p)
	}
}

// placed says where the barrier of a strong read is.
func (m *Member) placed(p *Read, position uint64, status wire.Status) {
	p.Position, p.status = max(p.seen, position), status
	if status != wire.StatusOK {
		p.Position = 0
	}
	if !planted.On(planted.ParkedUnindexed) {
		m.parked.next = min(m.parked.next, p.Position)
	}
}

func (m *Member) addParked(p *Read) bool {
	if len(m.parked.reads) >= maxParked || !m.reader.Serves() {
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return false
	}
	m.parked.next = min(m.parked.next, p.Position)
	m.parked.reads = append(m.parked.reads, p)
	return true
}

// read answers a read whose position is reached.
func (m *Member) read(p *Read) {
	switch {
	case p.status != wire.StatusOK:
		m.finish(p, wire.Reply{Status: p.status})
	case !m.reader.Serves() && !p.Stale && !planted.On(planted.WokenWithoutLease):
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
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
	if applied < m.parked.next {
		return
	}
	m.parked.next = afterBarrier
	m.parked.reads = slices.DeleteFunc(m.parked.reads, func(p *Read) bool {
		if p.Position > applied {
			m.parked.next = min(m.parked.next, p.Position)
			return false
		}
		m.read(p)
		return true
	})
}

// expireReads answers the parked reads, and those that wait for an audit, whose
// time is up.
func (m *Member) expireReads(now time.Duration) {
	late := func(p *Read) bool {
		if now < p.Deadline {
			return false
		}
		m.finish(p, wire.Reply{Status: wire.StatusTimeout})
		return true
	}
	m.parked.reads = slices.DeleteFunc(m.parked.reads, late)
	m.audits.waiting = slices.DeleteFunc(m.audits.waiting, late)
}

// Forget drops the reads of a waiter that has gone, without an answer.
func (m *Member) Forget(w Waiter) {
	its := func(p *Read) bool { return p.Waiter == w }
	m.parked.reads = slices.DeleteFunc(m.parked.reads, its)
	m.audits.waiting = slices.DeleteFunc(m.audits.waiting, its)
}

// refuseReads answers the parked reads when the member does not serve any more.
func (m *Member) refuseReads() {
	for _, p := range m.parked.reads {
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
	}
	m.parked.reads = nil
}

// GetReply returns the answer to a read, of what the store has.
func GetReply(value []byte, version, position uint64) wire.Reply {
	if version == 0 {
		return wire.Reply{Status: wire.StatusNotFound, Position: position}
	}
	return wire.Reply{Position: position, Version: version, Data: value}
}

// barrier is an ordered no-op and the reads that wait for it: all that came before
// the message that carries it went out. It is the waiter of its own no-op.
type barrier struct {
	m      *Member
	number uint64 // among the commands submitted
	reads  []*Read
}

// awaitBarrier has a read placed when a no-op that is ordered after this moment has
// been delivered here.
func (m *Member) awaitBarrier(p *Read) {
	if m.barrier != nil && (m.barrier.number > m.submitted-uint64(m.core.Pending()) || planted.On(planted.BarrierShared)) {
		m.barrier.reads = append(m.barrier.reads, p)
		return
	}
	m.barrier = &barrier{m: m, number: m.submitted + 1, reads: []*Read{p}}
	m.orderOwn(&wire.Command{Op: wire.OpBarrier}, Ticket{Waiter: m.barrier})
}

// Answer is part of Waiter.
func (b *barrier) Answer(_ uint64, _ int, reply *wire.Reply) {
	if b.m.barrier == b {
		b.m.barrier = nil // one that was refused waits for nothing
	}
	for _, p := range b.reads {
		b.m.placed(p, reply.Position, reply.Status)
	}
}
