package server

import (
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// statusEvery is how often a turn makes a status for clients.
const statusEvery = 100 * time.Millisecond

// statuses answers the clients that ask for the node's status: a turn makes one at most every
// statusEvery, for all that have asked before. It is encoded once, beside the turns.
type statuses struct {
	f *front

	mu    sync.Mutex // guards what follows
	asked []statusRequest
	made  time.Time // the latest
}

type statusRequest struct {
	c  *clientConn
	id uint64
}

// ask answers a request with a status that is made after this call.
func (s *statuses) ask(c *clientConn, id uint64) {
	c.calls.Add(dearCall)
	s.mu.Lock()
	s.asked = append(s.asked, statusRequest{c, id})
	first, wait := len(s.asked) == 1, statusEvery-time.Since(s.made)
	s.mu.Unlock()
	switch {
	case !first:
	case wait > 0:
		time.AfterFunc(wait, s.make)
	default:
		s.make()
	}
}

// make has a turn make a status.
func (s *statuses) make() {
	posted := s.f.turns.post(func(m *member.Member) {
		s.mu.Lock()
		asked := s.asked
		s.asked, s.made = nil, time.Now()
		s.mu.Unlock()
		status := s.f.status(m)
		s.f.goOn(func() {
			answer(asked, &wire.Reply{Position: status.Position, Data: status.encode()})
		})
	})
	if !posted {
		s.mu.Lock()
		asked := s.asked
		s.asked = nil
		s.mu.Unlock()
		answer(asked, &wire.Reply{Status: wire.StatusUnavailable})
	}
}

// answer gives all that have asked the same reply.
func answer(asked []statusRequest, reply *wire.Reply) {
	for _, r := range asked {
		own := *reply
		own.ID = r.id
		r.c.called(dearCall)
		r.c.reply(&own)
		r.c.flushReplies()
	}
}
