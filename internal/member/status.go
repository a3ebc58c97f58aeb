package member

import (
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Status is how a member is.
type Status struct {
	Phase    isis.Phase
	View     uint64
	Rank     int // -1: no member
	Members  []ViewMember
	Position uint64
	Queue    int // commands that wait, and messages held back
	UnderWay int // commands that were not delivered yet
	Parked   int // reads that wait
}

// ViewMember is a member of the view.
type ViewMember struct {
	membership.Member
	Connected bool // the link with it
}

// Status returns how the member is.
func (m *Member) Status() Status {
	s := Status{
		Phase: m.core.Phase(), View: m.core.View().ID, Rank: m.core.Rank(), Position: m.core.Position(),
		Queue: m.core.Pending() + m.core.HeldBack(), UnderWay: m.waiting.Len(), Parked: m.parked.reads.Len(),
	}
	connected := map[uint64]bool{m.self.Incarnation: true}
	for _, p := range m.links.AppendPeers(nil) {
		connected[p.Incarnation] = p.Connected
	}
	for _, id := range m.core.View().Members {
		named := m.directive.members[id.Incarnation]
		named.ID, named.Incarnation = id.ID, id.Incarnation
		s.Members = append(s.Members, ViewMember{Member: named, Connected: connected[id.Incarnation]})
	}
	return s
}
