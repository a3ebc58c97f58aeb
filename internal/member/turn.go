package member

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Turn does one turn of the protocol: what came in, what it makes ready, one write to
// each peer, the deliveries. It returns how many bytes of clients' commands are not under
// way any more. The error is why the member has ended: then End is the only call left.
func (m *Member) Turn(in *Inbox) (released int, err error) {
	for i := range in.peers {
		p := &in.peers[i]
		if err := m.core.Step(p.from, &p.msg); err != nil {
			m.accuse(p.from, err)
		}
	}
	for _, call := range in.calls {
		call(m)
	}
	refuses := len(in.commands) > 0 && (m.reader.leaving.Load() || !m.reader.Serves())
	for i := range in.commands {
		c := &in.commands[i]
		size := c.end - c.start
		if refuses {
			m.released += size
			m.answer(c.Ticket, size, wire.Reply{Status: wire.StatusUnavailable})
			continue
		}
		raw := in.bytes[c.start:c.end]
		if c.session != 0 && c.session != c.account.uses && !m.judge(c, raw) {
			continue
		}
		m.order(raw, size, c.Ticket)
	}
	m.advance()
	for m.workDue() {
		m.advance()
	}
	released, m.released = m.released, 0
	return released, m.failed
}

// due is what a turn has found that is still to be done in it.
type due struct {
	probe  bool
	votes  []vote
	damage error

	ordered bool // commands, after what is ready was taken from the core
}

// workDue does what is due, and reports whether anything was.
func (m *Member) workDue() bool {
	d := m.due
	if !d.probe && d.votes == nil && d.damage == nil && !d.ordered || m.failed != nil {
		return false
	}
	m.due = due{}
	if d.probe {
		m.sendProbe()
	}
	for i := range d.votes {
		m.vote(&d.votes[i])
	}
	if d.damage != nil {
		m.Damaged(d.damage)
	}
	return true
}

// order hands a command to the core, whose order it is answered in. size is how
// many bytes of it were admitted. It reports whether the core took the command: if too much
// waits there already, the command is answered with StatusUnavailable, and has no number among
// those submitted.
func (m *Member) order(raw []byte, size int, t Ticket) bool {
	if !m.core.Submit(raw) {
		if !planted.On(planted.AdmissionKept) {
			m.released += size
		}
		m.answer(t, size, wire.Reply{Status: wire.StatusUnavailable})
		return false
	}
	m.submitted++
	if planted.On(planted.EarlyReturn) && size > 0 { // not to one that opens a session, whose id it is
		m.answer(t, size, wire.Reply{Position: m.core.Position() + 1})
		t = Ticket{}
	}
	m.waiting.Push(pendingCommand{Ticket: t, size: size, since: m.pulsed})
	return true
}

// orderOwn orders a command of the node itself, which needs no admission. It returns what order
// does.
func (m *Member) orderOwn(c *wire.Command, t Ticket) bool {
	return m.order(c.Append(nil), 0, t)
}

// advance takes from the core what is ready.
func (m *Member) advance() {
	ready := m.core.Ready()
	for i := range ready.Messages {
		m.links.Send(ready.Messages[i].To, &ready.Messages[i].Message)
	}
	m.links.Flush()
	for _, err := range ready.Rejected {
		m.host.Event(Rejected{Err: err})
	}
	for i := range ready.Deliveries {
		m.apply(&ready.Deliveries[i])
	}
	for i := range ready.Entered {
		m.entered(ready.Entered[i])
	}
	m.renewLease()
	m.wake()
	m.armAckTimer()
	m.armClockTimer()
	m.beatIfNews()
	m.askToLeave()
}

// apply applies a message at its place in the order, and answers everyone who
// waits for it.
func (m *Member) apply(d *isis.Delivery) {
	s := m.reader.state.Load()
	payload := d.Payload
	if planted.On(planted.JoinerMisses) && !m.reader.inView.Load() && d.View != 0 && m.core.View().ID != d.View {
		payload = nil // the positions pass, the writes are lost
	}
	if planted.On(planted.TimerOwnClock) {
		payload = m.ownTime(payload)
	}
	s.ApplyMessage(d.First, int(d.Count), payload, &m.outcome)
	m.noted(&m.outcome.Notes)
	if d.Own {
		data := m.outcome.Data
		for i, result := range m.outcome.Results {
			p, ok := m.waiting.take()
			if !ok {
				panic("member: an own message was delivered with more commands than were submitted")
			}
			m.released += p.size
			reply := replyOf(&result)
			if len(data) > 0 && data[0].Index == i {
				reply.Data, data = data[0].Bytes, data[1:]
			}
			m.answer(p.Ticket, p.size, reply)
		}
	}
	if !m.delivers {
		return
	}
	m.delivery = wire.Delivery{
		View: d.View, Sender: d.Sender.ID, Incarnation: d.Sender.Incarnation, Seq: d.Seq,
		First: d.First, Count: int(d.Count), Payload: d.Payload, Effects: m.outcome.Effects,
	}
	m.host.Delivered(&m.delivery)
	m.outcome.Effects = m.delivery.Effects
}

// ownTime is the mistake that planted.TimerOwnClock names: ticks count what has passed here.
func (m *Member) ownTime(payload []byte) (own []byte) {
	for rest := payload; len(rest) > 0; {
		c, after, err := wire.DecodeCommand(rest)
		if err != nil {
			return append(own, rest...)
		}
		if rest = after; c.Op == wire.OpClock {
			now := m.clock.Steady()
			c.Delta = min(now-m.ordinal.own, m.ordinal.tick).Milliseconds()
			m.ordinal.own = now
		}
		own = c.Append(own)
	}
	return own
}

// Outcome returns what the message that was delivered last has done. It is used again.
// The host may ask within Delivered.
func (m *Member) Outcome() *store.Outcome { return &m.outcome }

// Deliveries switches calls of Host.Delivered on or off.
func (m *Member) Deliveries(on bool) { m.delivers = on }

// noted takes what a message did beside its results.
func (m *Member) noted(n *store.Notes) {
	for i := range n.Audits {
		m.audited(&n.Audits[i])
	}
	for i := range n.Verdicts {
		m.decided(&n.Verdicts[i])
	}
	for i := range n.Crowds {
		m.host.Event(Crowd{&n.Crowds[i]})
	}
	if n.Damage != nil {
		m.Damaged(n.Damage) // those who wait for this message are to ask another node
	}
}

// expireWrites answers those that have waited too long for a delivery: nobody
// knows the outcome.
func (m *Member) expireWrites(now time.Duration) {
	for {
		t, size, late := m.waiting.expire(now - DefaultTimeout)
		if !late {
			return
		}
		m.answer(t, size, wire.Reply{Status: wire.StatusTimeout})
	}
}
