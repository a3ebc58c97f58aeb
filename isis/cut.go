package isis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// messageKey names a message within a view.
type messageKey struct {
	sender uint32
	seq    uint64
}

// computeCut merges the survivors' flush states into the common end of the old
// view, whose members are given by rank.
//
// Messages whose final priority any survivor knows come first, in the order of
// (final, sender). All others come after them, by (sender, sequence), with new
// finals above every priority and clock in the states. Giving those the maximum
// of the survivors' proposals instead would be wrong: a member that is gone may
// have delivered a (final 8) before b since its own proposal for b was 9. The
// survivors never saw that 9; the maximum of theirs, 7, would put b before a.
// Behind everything final, the survivors extend what the lost member saw.
//
// The base is the least position: what a survivor beyond it has delivered, the
// one at the base holds as final.
func computeCut(states []*FlushState, members []MemberID) (*Cut, error) {
	ties := orderOfIDs(members)
	cut := &Cut{Base: states[0].Position, Members: members}
	known := map[messageKey]int{} // index in cut.Entries
	for i, s := range states {
		cut.Base = min(cut.Base, s.Position)
		cut.Clock = max(cut.Clock, s.Clock)
		for _, e := range s.Entries {
			cut.Clock = max(cut.Clock, e.Priority)
			if int(e.Sender) >= len(ties) || e.Count == 0 {
				return nil, fmt.Errorf("%w: flush state with an entry of rank %d, %d commands", ErrProtocol, e.Sender, e.Count)
			}
			if planted.On(planted.FlushWithoutFinals) && i == len(states)-1 {
				e.Final = false
			}
			if err := merge(cut, known, e); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(cut.Entries, func(a, b Entry) int { return compareCut(a, b, ties) })
	if planted.On(planted.MaximumRule) {
		return cut, nil
	}
	for i := range cut.Entries {
		if e := &cut.Entries[i]; !e.Final {
			cut.Clock++
			e.Priority, e.Final = cut.Clock, true
		}
	}
	return cut, nil
}

// merge adds e to the cut, or what it tells of a message that is there already.
func merge(cut *Cut, known map[messageKey]int, e Entry) error {
	key := messageKey{e.Sender, e.Seq}
	i, ok := known[key]
	if !ok {
		known[key] = len(cut.Entries)
		cut.Entries = append(cut.Entries, e)
		return nil
	}
	have := &cut.Entries[i]
	switch {
	case have.Count != e.Count || have.Final && e.Final && have.Priority != e.Priority:
		return fmt.Errorf("%w: survivors hold different messages %d of rank %d", ErrProtocol, e.Seq, e.Sender)
	case e.Final:
		have.Priority, have.Final = e.Priority, true
	case !have.Final:
		have.Priority = max(have.Priority, e.Priority)
	}
	return nil
}

// findHolders says who holds the payloads of the cut, by the survivors' states, which
// are by rank and nil for others. The holder of a message is its sender, if that
// survives. Otherwise those that list the message share the work.
func (c *Cut) findHolders(states []*FlushState) {
	c.Positions = make([]uint64, len(c.Members))
	holders := make(map[messageKey][]uint32, len(c.Entries))
	for rank, s := range states {
		if s == nil {
			continue
		}
		c.Positions[rank] = s.Position
		for _, e := range s.Entries {
			key := messageKey{e.Sender, e.Seq}
			holders[key] = append(holders[key], uint32(rank))
		}
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		list := holders[messageKey{e.Sender, e.Seq}]
		e.Holder = list[e.Seq%uint64(len(list))]
		if slices.Contains(list, e.Sender) || planted.On(planted.PayloadOfNobody) {
			e.Holder = e.Sender
		}
	}
}

// lean returns the cut as it is sent without payloads.
func (c *Cut) lean() *Cut {
	lean := *c
	lean.Entries = slices.Clone(c.Entries)
	for i := range lean.Entries {
		lean.Entries[i].Held, lean.Entries[i].Payload = true, nil
	}
	return &lean
}

func compareCut(a, b Entry, ties []uint32) int {
	if planted.On(planted.MaximumRule) {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(ties[a.Sender], ties[b.Sender]))
	}
	switch {
	case a.Final && b.Final:
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(ties[a.Sender], ties[b.Sender]))
	case a.Final:
		return -1
	case b.Final:
		return 1
	case planted.On(planted.UnfinishedUnordered):
		return cmp.Or(cmp.Compare(a.Sender, b.Sender), cmp.Compare(b.Seq, a.Seq))
	default:
		return cmp.Or(cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Seq, b.Seq))
	}
}

// without returns the cut for a survivor whose flush state is s: payloads that
// it holds are left out, and so are those of what it has delivered.
func (c *Cut) without(s *FlushState) *Cut {
	holds := make(map[messageKey]bool, len(s.Entries))
	for _, e := range s.Entries {
		holds[messageKey{e.Sender, e.Seq}] = true
	}
	lean := &Cut{Base: c.Base, Clock: c.Clock, Members: c.Members, Entries: slices.Clone(c.Entries)}
	position := c.Base
	for i := range lean.Entries {
		e := &lean.Entries[i]
		if position < s.Position || holds[messageKey{e.Sender, e.Seq}] {
			e.Held, e.Payload = true, nil
		}
		position += uint64(e.Count)
	}
	return lean
}

// joins tells whether a state at that position can be extended by the cut: it
// is the base, or between two messages, or the end.
func (c *Cut) joins(position uint64) bool {
	at := c.Base
	for i := range c.Entries {
		if at >= position {
			break
		}
		at += uint64(c.Entries[i].Count)
	}
	return at == position
}

// orderOfIDs returns, by rank, the place of each member's id among the ids.
// Incarnations decide between equal ids, which no registry gives out.
func orderOfIDs(members []MemberID) []uint32 {
	ranks := make([]int, len(members))
	for i := range ranks {
		ranks[i] = i
	}
	slices.SortFunc(ranks, func(a, b int) int {
		return cmp.Or(cmp.Compare(members[a].ID, members[b].ID), cmp.Compare(members[a].Incarnation, members[b].Incarnation))
	})
	ties := make([]uint32, len(members))
	for place, rank := range ranks {
		ties[rank] = uint32(place)
	}
	return ties
}
