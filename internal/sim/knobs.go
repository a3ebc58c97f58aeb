package sim

import (
	"cmp"
	"time"
)

// Knobs are what a member may do in one way or another, which changes nothing that a client
// can tell but how long it takes. 0: as the seed decides.
type Knobs struct {
	Gather Gather
	Direct int // members of a view in which each acknowledges to all
	Window int // messages under way
	Batch  int // commands in a message
}

// Gather says for how long what arrives is gathered into a turn.
type Gather int

// The ways to gather.
const (
	_     Gather = iota
	Alone        // each arrival has a turn of its own
	Briefly
	Rounds // for as long as many arrive, as event loops do
)

// knobs are those that are asked for, or the seed's.
func (t *traits) knobs(o Knobs) Knobs {
	return Knobs{
		Gather: cmp.Or(o.Gather, Briefly), Direct: cmp.Or(o.Direct, t.direct),
		Window: cmp.Or(o.Window, t.window), Batch: cmp.Or(o.Batch, t.batch),
	}
}

// gather is for how long a process gathers before a turn.
func (k Knobs) gather(p *process) time.Duration {
	switch k.Gather {
	case Alone:
		return 0
	case Rounds:
		return between(p.random, p.pace, 10*p.pace) + time.Microsecond
	default:
		return upTo(p.random, p.pace) + time.Microsecond
	}
}

// KnobCounts tell how many groups went which way.
type KnobCounts struct {
	Direct uint64 `name:"groups that acknowledge directly"`
	Relays uint64 `name:"  through the sender"`
	One    uint64 `name:"groups with one message under way"`
	Ahead  uint64 `name:"  with more"`
	Singly uint64 `name:"groups with a command in a message"`
	Many   uint64 `name:"  with more"`
}

// knobs counts those of a group.
func (c *KnobCounts) knobs(k *Knobs, nodes int) {
	for count, yes := range map[*uint64]bool{
		&c.Direct: k.Direct >= nodes, &c.Relays: k.Direct < nodes,
		&c.One: k.Window == 1, &c.Ahead: k.Window > 1, &c.Singly: k.Batch == 1, &c.Many: k.Batch > 1,
	} {
		if yes {
			*count++
		}
	}
}
