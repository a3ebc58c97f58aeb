package sim

import (
	"cmp"
	"math/rand/v2"
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

// drawKnobs returns the knobs that are asked for, and the seed's for the others. In two of
// three runs a knob stands as it does in what ships.
func drawKnobs(r *rand.Rand, o Knobs) Knobs {
	seeds := Knobs{
		Gather: pick(r, Briefly, Briefly, Briefly, Briefly, Alone, Rounds), Direct: pick(r, 5, 5, 5, 5, 1, maxNodes),
		Window: pick(r, 2, 2, 2, 2, 1, 3), Batch: pick(r, many, many, many, many, 1, 4),
	}
	return Knobs{
		Gather: cmp.Or(o.Gather, seeds.Gather), Direct: cmp.Or(o.Direct, seeds.Direct),
		Window: cmp.Or(o.Window, seeds.Window), Batch: cmp.Or(o.Batch, seeds.Batch),
	}
}

const (
	maxNodes = 9  // of a group
	many     = 64 // commands: more than come together here
)

// gather is for how long a process gathers before a turn.
func (k Knobs) gather(p *process) time.Duration {
	switch k.Gather {
	case Alone:
		return 0
	case Rounds:
		return between(p.turns, p.pace, 10*p.pace) + time.Microsecond
	default:
		return upTo(p.turns, p.pace) + time.Microsecond
	}
}

// KnobCounts tell how many groups went which way.
type KnobCounts struct {
	Alone  uint64 `name:"groups with a turn for each arrival"`
	Brief  uint64 `name:"  that gather briefly"`
	Rounds uint64 `name:"  that gather in rounds"`
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
		&c.Alone: k.Gather == Alone, &c.Brief: k.Gather == Briefly, &c.Rounds: k.Gather == Rounds,
		&c.Direct: k.Direct >= nodes, &c.Relays: k.Direct < nodes,
		&c.One: k.Window == 1, &c.Ahead: k.Window > 1, &c.Singly: k.Batch == 1, &c.Many: k.Batch > 1,
	} {
		if yes {
			*count++
		}
	}
}
