package member

import "github.com/seed-8247e700/dsm/internal/wire"

// Open orders a command that opens a session, once the member has applied the position that the
// client has seen, which is that of the read. If the state has no room for the session then, nothing
// is ordered: the answer is StatusTooManySessions, without a position. So a client that asks again
// and again costs no other member anything. Park says which other answers there are.
func (m *Member) Open(p *Read, cmd *wire.Command) {
	p.Reached = func(m *Member, p *Read) { m.open(p, cmd) }
	m.Park(p)
}

func (m *Member) open(p *Read, cmd *wire.Command) {
	if m.reader.leaving.Load() {
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	if crowd, result := m.reader.state.Load().Full(cmd); crowd != nil {
		m.host.Event(Crowd{crowd})
		m.finish(p, replyOf(&result))
		return
	}
	m.due.ordered = true
	m.orderOwn(cmd, p.Ticket)
}
