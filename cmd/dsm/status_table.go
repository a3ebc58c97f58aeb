package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/server"
)

// showStatus prints a group's status as a table, and below it why members do
// not answer, and what is damaged.
func (s *surroundings) showStatus(g *groupStatus) error {
	err := s.say("group %s, generation %d, view %d with %s, %s delivery, as %s has it\n",
		g.Group, g.Generation, g.View, members(len(g.Members)), g.Delivery, g.ToldBy)
	if err != nil {
		return err
	}
	table := console.Table{Columns: []console.Column{
		{Name: "rank", Number: true},
		{Name: "id"},
		{Name: "incarnation", Number: true},
		{Name: "address"},
		{Name: "position", Number: true},
		{Name: "lag", Number: true},
		{Name: "clients", Number: true},
		{Name: "kept", Number: true},
		{Name: "queue", Number: true},
		{Name: "serves"},
		{Name: "phase"},
	}}
	nodes := slices.Concat(g.Members, g.Others)
	for i := range nodes {
		table.Rows = append(table.Rows, nodes[i].row(g.View))
	}
	if err := table.Write(s.stdout, s.width); err != nil {
		return err
	}
	for i := range nodes {
		why := nodes[i].Error
		if n := nodes[i].nodeAnswer; n != nil && n.Damage != "" {
			why = "its state is damaged: " + console.OneLine(n.Damage)
		}
		if why != "" {
			if err := s.say("%s: %s\n", nodes[i].ID, why); err != nil {
				return err
			}
		}
	}
	if err := s.showVariables(g.Variables); err != nil {
		return err
	}
	return s.showSessions(&g.Sessions)
}

// showVariables prints how much of the quota is used.
func (s *surroundings) showVariables(of server.VariablesStatus) error {
	if of == (server.VariablesStatus{}) {
		return nil // there are none, or the node is of a release that does not tell
	}
	atMost := func(limit uint64) string {
		if limit == 0 {
			return ""
		}
		return fmt.Sprintf(" of at most %d", limit)
	}
	return s.say("%d variables%s, %d bytes%s\n", of.Count, atMost(of.CountLimit), of.Bytes, atMost(of.BytesLimit))
}

// showSessions prints who has the group's sessions.
func (s *surroundings) showSessions(of *server.SessionsStatus) error {
	if of.Limit == 0 {
		return nil // the node is in no view, or of a release that does not tell
	}
	err := s.say("%d sessions of at most %d, at most %d a client\n", of.Alive, of.Limit, of.ClientLimit)
	if err != nil || len(of.Most) == 0 {
		return err
	}
	table := console.Table{Columns: []console.Column{{Name: "client"}, {Name: "at"}, {Name: "sessions", Number: true}}}
	for _, c := range of.Most {
		table.Rows = append(table.Rows, []string{c.Name, c.Address, strconv.Itoa(c.Sessions)})
	}
	return table.Write(s.stdout, s.width)
}

// row shows a member in a view.
func (n *nodeStatus) row(view uint64) []string {
	cells := []string{rankText(n.Rank), n.ID, decimal(n.Incarnation), addresses(n.ClientAddr, n.PeerAddr)}
	if n.nodeAnswer == nil {
		return append(cells, "-", "-", "-", "-", "-", "-", "unreachable")
	}
	serves, phase := "no", n.Phase
	if n.Serves {
		serves = "yes"
	}
	if n.Damage != "" {
		phase += ", damaged"
	}
	if n.View != view {
		phase += fmt.Sprintf(" in view %d", n.View)
	}
	return append(cells, decimal(n.Position), decimal(n.Lag), strconv.Itoa(n.Clients), n.kept(), strconv.Itoa(n.Queue), serves, phase)
}

// kept shows the bytes that the node keeps for its clients, unless it is of a release that does not tell.
func (n *nodeAnswer) kept() string {
	if n.ClientBytesLimit == 0 {
		return "-"
	}
	return strconv.FormatInt(n.ClientBytes, 10)
}
