package sim

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func (op *operation) String() string {
	what := "open"
	switch op.Kind {
	case session.Get:
		what = "get " + op.key
		if op.strong {
			what = "strong " + what
		}
	case session.Write:
		id, seq := op.Numbered()
		what = fmt.Sprintf("write %d/%d op %d %s=%q", id, seq, op.command.Op, op.key, op.command.Value)
	case session.Upkeep:
		what = "renew"
	}
	return fmt.Sprintf("%s from %d attempt %d", what, op.Asked(), op.attempts)
}

// check holds an answer against the order, which its node has delivered up to the
// position that the answer reflects.
func (op *operation) check() {
	c, w := op.c, op.c.w
	if op.Kind == session.Write && op.reply.Status == wire.StatusOK {
		w.once("version", op.reply.Position, op.generation)
	}
	if w.traits.agreed {
		return // what a lost member told may differ from what survivors agree on
	}
	o := w.order(op.generation)
	position := op.reply.Position
	if position > o.end() {
		w.fail("answer: %s: %s is answered from %d, the order ends at %d", c, op, position, o.end())
	}
	switch op.Kind {
	case session.Get:
		if position < op.seen {
			w.fail("session: %s: %s is answered from %d, and had seen %d when it began", c, op, position, op.seen)
		}
		want := o.oracle.Read(op.key, position)
		if op.reply.Version != want.Version() || string(op.reply.Data) != want.Value {
			w.fail("read: %s: %s at %d has %q of %d, the order has %q of %d", c, op, position, op.reply.Data, op.reply.Version, want.Value, want.Version())
		}
		if !op.strong {
			return
		}
		if position < op.floor {
			w.fail("linearizability: %s: %s reflects %d, and %d was answered before it began", c, op, position, op.floor)
		}
	case session.Write:
		id, seq := op.Numbered()
		at, first := o.oracle.Executed(id, seq)
		if at != position {
			w.fail("acknowledged: %s: %s is told position %d, the order has it at %d", c, op, position, at)
		}
		result := wire.Result{Status: op.reply.Status, Position: position, Version: op.reply.Version, Number: op.reply.Number}
		if first != result {
			w.fail("acknowledged: %s: %s is told %+v, the order has %+v", c, op, result, first)
		}
		if position <= op.seen || position <= op.floor {
			w.fail("linearizability: %s: %s is at %d, and %d (its session: %d) was answered before it began", c, op, position, op.floor, op.seen)
		}
	default:
		return
	}
	o.strong = max(o.strong, position)
}

// finish holds what must be true once all is quiet.
func (w *world) finish() {
	generation := w.registry.disk.Generation
	o := w.order(generation)
	var members []*replica
	for _, m := range w.registry.members() {
		members = append(members, w.replica(m.Incarnation))
	}
	if w.traits.agreed {
		o.agree(append([]*replica(nil), members...))
	}
	for _, r := range members {
		if n := r.gate.Admitted(); n != 0 || len(r.outside) > 0 {
			w.fail("admission: %s is idle, %d bytes of commands are taken for under way, and %d writes wait", r, n, len(r.outside))
		}
		if r.damage.what != "" && r.reader.State().VerifyAll() != nil {
			w.fail("damage: %s is a member in the end, and %s is damaged", r, r.damage.what)
		}
		if r.reader.State().Applied() != members[0].reader.State().Applied() || r.reader.State().Digest() != members[0].reader.State().Digest() {
			w.fail("convergence: %s is at %d with digest %x, %s at %d with %x", r, r.reader.State().Applied(), r.reader.State().Digest(),
				members[0], members[0].reader.State().Applied(), members[0].reader.State().Digest())
		}
		if !w.traits.agreed && r.reader.State().Applied() != o.end() {
			w.fail("convergence: %s is at %d, the order ends at %d", r, r.reader.State().Applied(), o.end())
		}
	}
	for _, c := range w.clients {
		for _, op := range c.done {
			if op.generation != generation || op.Kind != session.Write || op.lost || o.oracle.Partial {
				continue
			}
			if w.traits.agreed && !slices.Contains(members, op.teller) && !op.teller.safe {
				continue // a lost member's word: what its session wrote later may have come first
			}
			id, seq := op.Numbered()
			switch at, _ := o.oracle.Executed(id, seq); at {
			case op.reply.Position:
			case 0:
				w.fail("lost: %s: %s was acknowledged at %d, and is not in the order", c, op, op.reply.Position)
			default:
				w.fail("moved: %s: %s was acknowledged at %d, and the order has it at %d", c, op, op.reply.Position, at)
			}
		}
	}
	for _, c := range w.clients {
		for _, op := range c.undone {
			id, seq := op.Numbered()
			if at, _ := o.oracle.Executed(id, seq); at != 0 && op.generation == generation && !w.traits.agreed {
				w.fail("given up: %s: %s was told to have had no effect, the order has it at %d", c, op, at)
			}
		}
		c.checkProgram(generation)
	}
	w.checkLinear(generation)
}

// checkLinear has the writes and strong reads of each variable judged.
func (w *world) checkLinear(generation uint64) {
	if w.traits.agreed || generation > 1 {
		return
	}
	for n := range w.traits.keys {
		key := variableName(n)
		var calls []*oracle.Call
		for _, c := range w.clients {
			for _, op := range c.done {
				if op.key == key && op.generation == generation && (op.Kind != session.Get || op.strong && !op.lost) {
					calls = append(calls, &oracle.Call{
						Client: c.number, Read: op.Kind == session.Get, Command: op.command, Reply: op.reply, Unknown: op.lost,
						Begun: op.begun, Ended: op.ended,
					})
				}
			}
		}
		judged, explained := oracle.Linear(calls)
		if judged {
			w.counts.Linear++
		}
		if !explained {
			w.fail("linearizability: no order of the %d writes and strong reads of %q explains their answers", len(calls), key)
		}
	}
}
