package isistest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/isis"
)

// Describe shows a message on its way from one node to another, as in
// "PROPOSE n1/3 priority 7": message 3 of n1.
func Describe(m *isis.Message, from, to *Node) string {
	var members []isis.MemberID // whose ranks the message is in
	if v := from.Core.View(); v.ID == m.View || m.View == from.Core.Attempt() {
		members = v.Members
	}
	switch m.Kind {
	case isis.KindPropose:
		return fmt.Sprintf("PROPOSE %s/%d priority %d %q", from.ID.ID, m.Seq, m.Priority, m.Payload)
	case isis.KindProposal:
		return fmt.Sprintf("PROPOSAL %s/%d priority %d", to.ID.ID, m.Seq, m.Priority)
	case isis.KindFinal:
		return fmt.Sprintf("FINAL %s/%d priority %d", from.ID.ID, m.Seq, m.Priority)
	case isis.KindAck:
		return "ACK " + Counters(m.Acks, members)
	case isis.KindFlushState:
		return fmt.Sprintf("FLUSH-STATE %d position %d clock %d%s", m.View, m.State.Position, m.State.Clock, Entries(m.State.Entries, members))
	case isis.KindCut:
		return fmt.Sprintf("CUT %d base %d clock %d%s", m.View, m.Cut.Base, m.Cut.Clock, Entries(m.Cut.Entries, m.Cut.Members))
	case isis.KindLeanCut:
		var b strings.Builder
		for _, e := range m.Cut.Entries {
			fmt.Fprintf(&b, ", %s/%d at %d by %s", nameOf(int(e.Sender), m.Cut.Members), e.Seq, e.Priority, nameOf(int(e.Holder), m.Cut.Members))
		}
		return fmt.Sprintf("LEAN-CUT %d base %d clock %d%s", m.View, m.Cut.Base, m.Cut.Clock, b.String())
	case isis.KindFetch:
		return fmt.Sprintf("FETCH %d %s/%d from %d", m.View, nameOf(int(m.Part.Sender), members), m.Part.Seq, m.Part.Offset)
	case isis.KindSupply:
		return fmt.Sprintf("SUPPLY %d %s/%d %d of %d %q", m.View, nameOf(int(m.Part.Sender), members), m.Part.Seq, m.Part.Offset, m.Part.Size, m.Part.Bytes)
	case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
		return fmt.Sprintf("%s %d", m.Kind, m.Seq)
	default:
		return fmt.Sprintf("%s %d", m.Kind, m.View)
	}
}

// nameOf returns the name of the member of that rank, or "?" and the rank.
func nameOf(rank int, members []isis.MemberID) string {
	if rank < len(members) {
		return members[rank].ID
	}
	return "?" + strconv.Itoa(rank)
}

// Counters shows a counter for each member.
func Counters(acks []uint64, members []isis.MemberID) string {
	var b strings.Builder
	for rank, seq := range acks {
		fmt.Fprintf(&b, " %s/%d", nameOf(rank, members), seq)
	}
	return strings.TrimSpace(b.String())
}

// Entries shows the messages of a flush state or a cut.
func Entries(entries []isis.Entry, members []isis.MemberID) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, ", %s/%d at %d", nameOf(int(e.Sender), members), e.Seq, e.Priority)
		if e.Final {
			b.WriteString(" final")
		}
		if e.Held {
			b.WriteString(" held")
		} else {
			fmt.Fprintf(&b, " %q", e.Payload)
		}
	}
	return b.String()
}
