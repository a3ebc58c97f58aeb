package server

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// sessionPages has room for one page of sessions, so that a client that asks for many at once has
// one made at a time, with turns of others between two of them.
type sessionPages chan struct{}

// listSessions answers with a page of the group's sessions. p has reached its position. Owner
// only: a page is small enough to be made within a turn, but not many of them.
func (f *front) listSessions(m *member.Member, p *member.Read) {
	q, err := wire.DecodeSessionsQuery([]byte(p.Key))
	if err != nil {
		m.Answer(p.Ticket, wire.Reply{Status: wire.StatusBadRequest, Data: []byte(err.Error())})
		return
	}
	f.goOn(func() {
		select {
		case f.sessionPages <- struct{}{}:
		case <-f.ended:
			return
		}
		made := f.turns.post(func(m *member.Member) {
			<-f.sessionPages
			m.Answer(p.Ticket, f.sessionPage(&q, p.Stale))
		})
		if !made {
			<-f.sessionPages
		}
	})
}

// sessionPage makes a page. Owner only.
func (f *front) sessionPage(q *wire.SessionsQuery, stale bool) wire.Reply {
	if !f.reader.Serves() && !stale {
		return wire.Reply{Status: wire.StatusUnavailable}
	}
	state := f.reader.State()
	reply := wire.Reply{Position: state.Applied()}
	if page, found := state.ListSessions(q); found {
		reply.Data = page.Append(nil)
	} else {
		reply.Status = wire.StatusNotFound
		reply.Data = fmt.Appendf(nil, "no session %d is alive at position %d", q.ID, reply.Position)
	}
	return reply
}
