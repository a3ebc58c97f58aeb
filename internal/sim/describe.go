package sim

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// describe names a message as the literature does.
func describe(m *isis.Message) string {
	s := fmt.Sprintf("%s view %d", m.Kind, m.View)
	switch m.Kind {
	case isis.KindPropose, isis.KindProposal, isis.KindFinal:
		s += fmt.Sprintf(" seq %d priority %d", m.Seq, m.Priority)
	case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
		s += fmt.Sprintf(" %d", m.Seq)
	case isis.KindAck:
		s += fmt.Sprintf(" %v", m.Acks)
	case isis.KindFlushState:
		s += fmt.Sprintf(" position %d clock %d", m.State.Position, m.State.Clock) + describeEntries(m.State.Entries)
	case isis.KindCut:
		s += fmt.Sprintf(" base %d clock %d", m.Cut.Base, m.Cut.Clock) + describeEntries(m.Cut.Entries)
	}
	return s
}

func describeEntries(entries []isis.Entry) string {
	s := ""
	for _, e := range entries {
		s += fmt.Sprintf(" [%d/%d %d final=%v count=%d]", e.Sender, e.Seq, e.Priority, e.Final, e.Count)
	}
	return s
}

func describeDirective(d *membership.Directive) string {
	s := fmt.Sprintf("generation %d revision %d.%d", d.Generation, d.Revision>>32, uint32(d.Revision))
	for _, v := range d.Views {
		s += fmt.Sprintf(" view %d %v", v.ID, v.Members)
	}
	if a := d.Attempt; a != nil {
		s += fmt.Sprintf(" attempt %d on %d %v led by %d", a.View.ID, a.View.Prev, a.View.Members, a.Leader)
	}
	if d.Excluded {
		s += " excluded: "
	}
	return s + d.Reason
}

func describeEvent(e *membership.Event) string {
	s := string(e.Kind)
	if e.Node.ID != "" {
		s += " " + e.Node.String()
	}
	if len(e.View.Members) > 0 {
		s += fmt.Sprintf(" %d on %d %v", e.View.ID, e.View.Prev, e.View.Members)
	}
	if e.Leader.ID != "" {
		s += " led by " + e.Leader.String()
	}
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	return s
}
