package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/console"
)

// showStatus prints a group's status as a table, and below it why members do
// not answer.
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
		if n := &nodes[i]; n.Error != "" {
			if err := s.say("%s: %s\n", n.ID, n.Error); err != nil {
				return err
			}
		}
	}
	return nil
}

// row shows a member in a view.
func (n *nodeStatus) row(view uint64) []string {
	cells := []string{rankText(n.Rank), n.ID, decimal(n.Incarnation), addresses(n.ClientAddr, n.PeerAddr)}
	if n.nodeAnswer == nil {
		return append(cells, "-", "-", "-", "-", "-", "unreachable")
	}
	serves, phase := "no", n.Phase
	if n.Serves {
		serves = "yes"
	}
	if n.View != view {
		phase += fmt.Sprintf(" in view %d", n.View)
	}
	return append(cells, decimal(n.Position), decimal(n.Lag), strconv.Itoa(n.Clients), strconv.Itoa(n.Queue), serves, phase)
}
