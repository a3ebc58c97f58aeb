package session_test

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// group is a group as a client sees it, as simple as can be: one order, and
// nodes that have come more or less far in it.
type group struct {
	position uint64
	sessions map[uint64]*results
	executed map[int64]int    // by a command's Delta: how often it took effect
	order    map[int64]uint64 // by a command's Delta: where
	nodes    [3]uint64        // the positions that they have reached
}

// results is what the group remembers of a session.
type results struct {
	floor uint64
	done  map[uint64]wire.Reply
}

func newGroup() *group {
	return &group{sessions: make(map[uint64]*results), executed: make(map[int64]int), order: make(map[int64]uint64)}
}

// maxResults bounds how far a write may be above its session's floor.
const maxResults = 8

// apply executes a command once.
func (g *group) apply(c wire.Command) wire.Reply {
	g.position++
	s := g.sessions[c.Session]
	switch {
	case c.Op == wire.OpOpenSession:
		g.sessions[g.position] = &results{done: make(map[uint64]wire.Reply)}
		return wire.Reply{Position: g.position}
	case s == nil:
		return wire.Reply{Status: wire.StatusSessionExpired, Position: g.position}
	case c.Op == wire.OpRenewSession:
		return wire.Reply{Position: g.position}
	case c.Op == wire.OpCloseSession:
		delete(g.sessions, c.Session)
		return wire.Reply{Position: g.position}
	}
	s.floor = max(s.floor, c.Floor)
	for seq := range s.done {
		if seq < s.floor {
			delete(s.done, seq)
		}
	}
	if c.Seq < s.floor {
		return wire.Reply{Status: wire.StatusStaleSequence, Position: g.position}
	}
	if r, ok := s.done[c.Seq]; ok {
		return r
	}
	if c.Seq >= s.floor+maxResults {
		return wire.Reply{Status: wire.StatusTooManyResults, Position: g.position}
	}
	if _, done := s.done[c.Prev]; c.Prev >= s.floor && !done && !planted.On(planted.PredecessorIgnored) {
		return wire.Reply{Status: wire.StatusOutOfOrder, Position: g.position}
	}
	g.executed[c.Delta]++
	g.order[c.Delta] = g.position
	s.done[c.Seq] = wire.Reply{Position: g.position}
	return s.done[c.Seq]
}

// read has a node answer from where it is, once it has reached a position.
func (g *group) read(node int, position uint64) wire.Reply {
	g.nodes[node] = max(g.nodes[node], position)
	return wire.Reply{Position: g.nodes[node]}
}
