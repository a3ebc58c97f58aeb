package membership

import "time"

// Status is what people and tools are shown. It tells what is saved only.
type Status struct {
	Group      uint64
	Generation uint64
	Base       uint64
	View       View // no members: the generation has no view yet
	Attempt    *Attempt
	Settings   Settings
	Nodes      []NodeStatus // members by rank, then joiners
}

// NodeStatus is what is known of one node.
type NodeStatus struct {
	Member   Member
	Rank     int // -1: no member
	Figures      // of its last report
	Silent   time.Duration
	State    string // member, leaving, wedged, joining
	WaitsFor string // what keeps a joiner from being a member, for people
}

// Status returns the group as it was saved last.
func (g *Group) Status(now time.Duration) Status {
	s := Status{
		Group:      g.saved.Group,
		Generation: g.saved.Generation,
		Base:       g.saved.Base,
		Attempt:    g.saved.Attempt,
		Settings:   g.saved.Settings,
	}
	s.View, _ = g.saved.Committed()
	for rank, m := range s.View.Members {
		s.Nodes = append(s.Nodes, g.nodeStatus(now, m, rank, s.View.ID))
	}
	for _, n := range g.joiners() {
		if !s.View.Has(n.member.Incarnation) && n.member.Incarnation < g.saved.NextIncarnation {
			s.Nodes = append(s.Nodes, g.nodeStatus(now, n.member, -1, s.View.ID))
		}
	}
	return s
}

func (g *Group) nodeStatus(now time.Duration, m Member, rank int, view uint64) NodeStatus {
	s := NodeStatus{Member: m, Rank: rank, State: "member"}
	if rank < 0 {
		s.State = "joining"
	}
	n := g.nodes[m.Incarnation]
	if n == nil {
		return s
	}
	if rank < 0 {
		s.WaitsFor = g.waitsFor(n, g.committed())
	}
	s.Figures = n.report.Figures
	s.Silent = max(now-n.heard, 0)
	if rank >= 0 && n.report.Wedged > view {
		s.State = "wedged"
	}
	if n.leaving {
		s.State = "leaving"
	}
	return s
}
