package member

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Open orders a command that opens a session, once the member has applied the position that the
// client has seen, which is that of the read. If the state has no room for the session then, the
// member looks again once a barrier is here that is ordered after this moment, as a strong read
// does: its state may be behind, and a session that was closed elsewhere makes room. If there is
// none even so, the command is not ordered: the answer is StatusTooManySessions, without a
// position. So a client that asks again and again costs the other members barriers, which all
// that ask at a time share. Park and ReadStrong say which other answers there are.
func (m *Member) Open(p *Read, cmd *wire.Command) {
	p.Reached = func(m *Member, p *Read) { m.open(p, cmd, false) }
	m.Park(p)
}

// open is Open with a state that reflects what the client has seen, or, if it is recent, all that
// anybody had seen when the client asked.
func (m *Member) open(p *Read, cmd *wire.Command, recent bool) {
	if m.reader.leaving.Load() {
		m.finish(p, wire.Reply{Status: wire.StatusUnavailable})
		return
	}
	m.due.ordered = true
	crowd, result := m.reader.state.Load().Full(cmd)
	switch {
	case crowd == nil:
		m.orderOwn(cmd, p.Ticket)
	case recent || planted.On(planted.OpenRefusedBehind):
		m.host.Event(Crowd{crowd})
		m.finish(p, replyOf(&result))
	default:
		p.Reached = func(m *Member, p *Read) { m.open(p, cmd, true) }
		m.ReadStrong(p)
	}
}
