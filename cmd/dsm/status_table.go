package main

import (
	"fmt"
	"strconv"
)

// showStatus prints a group's status as a table, and below it why members do
// not answer.
func (s *surroundings) showStatus(g *groupStatus) error {
	_, err := fmt.Fprintf(s.stdout, "group %s, generation %d, view %d with %s, %s delivery, as %s has it\n",
		g.Group, g.Generation, g.View, members(len(g.Members)), g.Delivery, g.ToldBy)
	if err != nil {
		return err
	}
	rows := make([][]string, len(g.Members))
	for i := range g.Members {
		rows[i] = g.Members[i].row(g.View)
	}
	err = writeTable(s.stdout, []column{
		{"rank", true},
		{"id", false},
		{"incarnation", true},
		{"address", false},
		{"position", true},
		{"lag", true},
		{"clients", true},
		{"queue", true},
		{"phase", false},
	}, rows)
	for i := 0; i < len(g.Members) && err == nil; i++ {
		if m := &g.Members[i]; m.Error != "" {
			_, err = fmt.Fprintf(s.stdout, "%s: %s\n", m.ID, m.Error)
		}
	}
	return err
}

// row shows a member in a view.
func (n *nodeStatus) row(view uint64) []string {
	cells := []string{strconv.Itoa(n.Rank), n.ID, decimal(n.Incarnation), addresses(n.ClientAddr, n.PeerAddr)}
	if n.nodeAnswer == nil {
		return append(cells, "-", "-", "-", "-", "unreachable")
	}
	phase := n.Phase
	if n.View != view {
		phase += fmt.Sprintf(" in view %d", n.View)
	}
	return append(cells, decimal(n.Position), decimal(n.Lag), strconv.Itoa(n.Clients), strconv.Itoa(n.Queue), phase)
}
