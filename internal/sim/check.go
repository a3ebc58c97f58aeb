package sim

import (
	"fmt"
	"slices"

	"github.com/seed-8247e700/dsm/internal/history"
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
	return fmt.Sprintf("%s from %d attempt %d", what, op.Asked(), op.Attempts())
}

// recorded is an operation that has ended, as its client has it, and who told so.
type recorded struct {
	history.Op
	teller *replica
}

// record has the checks look at an operation that has ended. A read without an answer
// says nothing.
func (op *operation) record() {
	if op.state.bound == 0 || op.Kind == session.Get && !op.answered() {
		return
	}
	w, o := op.c.w, op.c.w.order(op.state.bound)
	h := op.history()
	if !op.lost && h.Status == history.OK && op.Kind == session.Write {
		w.once("version", h.Position, op.state.bound)
	}
	o.ops = append(o.ops, recorded{h, op.teller})
	if !w.traits.agreed { // what a lost member told may differ from what survivors agree on
		o.checker.Complete(&h)
	}
}

// refusals are why a write that was executed has no effect.
var refusals = map[wire.Status]history.Refusal{
	wire.StatusConflict: history.Conflict, wire.StatusNotFound: history.NotFound,
	wire.StatusNotInteger: history.NotInteger, wire.StatusOverflow: history.Overflow,
}

// history is the operation as dsmbench would record it.
func (op *operation) history() history.Op {
	h := history.Op{
		Client: op.c.number, Key: op.key, Start: int64(op.begun), End: int64(op.ended), Status: history.Fail,
		Position: op.reply.Position, Version: op.reply.Version, Session: op.behind.session, After: op.behind.seq,
	}
	if op.teller != nil {
		h.Node = op.teller.name
	}
	if op.Kind == session.Get {
		h.Kind, h.Status = history.Get, history.OK
		if op.strong {
			h.Kind = history.GetStrong
		}
		if op.reply.Version != 0 || len(op.reply.Data) > 0 {
			h.Value = append([]byte{}, op.reply.Data...)
		}
		return h
	}
	h.Session, h.Seq = op.Numbered()
	h.Kind, h.Loose = history.Kind(op.command.Op.String()), !op.piped
	h.Value, h.Delta, h.Expect, h.Sum = op.command.Value, op.command.Delta, op.command.Expect, op.reply.Number
	h.Results = op.reply.Data
	refusal, refused := refusals[op.reply.Status]
	switch {
	case op.lost:
		h.Status, h.Position, h.Version = history.Unknown, 0, 0
	case op.answered() && op.reply.Status == wire.StatusOK:
		h.Status, h.Version = history.OK, h.Position
	case op.answered() && refused:
		h.Because = refusal
	default:
		h.Position, h.Version = 0, 0
	}
	return h
}

// answered reports whether the group has carried the operation out, or found that it
// cannot.
func (op *operation) answered() bool { return oracle.Final(op.reply.Status) && op.reply.Position > 0 }

// finish holds what must be true once all is quiet.
func (w *world) finish() {
	o := w.order(w.registry.disk.Generation)
	var members []*replica
	for _, m := range w.registry.members() {
		members = append(members, w.replica(m.Incarnation))
	}
	if w.traits.agreed {
		o.agree(members)
		o.believe(members)
	}
	for _, r := range w.replicas[1:] {
		if r != nil && r.generation == o.generation && (!slices.Contains(members, r) || r.applied == r.loaded) {
			o.checker.EndStream(r.name)
		}
	}
	for _, r := range members {
		if n := r.gate.Admitted(); n != 0 || len(r.outside) > 0 {
			w.fail("admission: %s is idle, %d bytes of commands are taken for under way, and %d writes wait", r, n, len(r.outside))
		}
		if r.damage.what != "" && r.reader.State().VerifyAll() != nil {
			w.fail("damage: %s is a member in the end, and %s is damaged", r, r.damage.what)
		}
		o.checker.Digest(r.name, r.reader.State().Applied(), r.reader.State().Digest())
	}
	for _, result := range o.checker.Finish(members[0].reader.State().Applied()) {
		if !result.Pass() {
			w.found(result.Name, result.Texts[0])
		}
	}
	if !w.traits.agreed && o.generation == 1 {
		w.checkLinear(o)
	}
}

// believe has the checks of a group with agreed delivery look at the writes. Nobody
// answers for the word of a lost member: what its session wrote later may have come first.
func (o *order) believe(members []*replica) {
	for i := range o.ops {
		h := o.ops[i].Op
		if h.Kind.IsRead() || o.oracle.Partial {
			continue
		}
		if by := o.ops[i].teller; by != nil && !slices.Contains(members, by) && !by.safe {
			h.Status, h.Position, h.Version, h.Because = history.Unknown, 0, 0, history.Refused
		}
		o.checker.Complete(&h)
	}
}

// checkLinear has the writes and strong reads of each variable judged.
func (w *world) checkLinear(o *order) {
	var keys []string
	for n := range w.traits.keys {
		keys = append(keys, variableName(n))
	}
	for n := range txnKeys {
		keys = append(keys, txnName(n))
	}
	for n := range ownKeys {
		keys = append(keys, ownName(n))
	}
	for n := range ttlKeys {
		keys = append(keys, ttlName(n))
	}
	for _, key := range keys {
		var ops []*history.Op
		vague := false // a transaction on it may have done one thing or another
		for i := range o.ops {
			if o.ops[i].Kind == history.Txn {
				if seen, ok := oracle.Touched(&o.ops[i].Op, key); ok && seen.Answered() {
					ops = append(ops, seen)
				} else if ok {
					vague = vague || seen.Status == history.Unknown
				}
				continue
			}
			if h := &o.ops[i].Op; h.Key == key && h.Kind != history.Get && (h.Answered() || h.Status == history.Unknown) {
				ops = append(ops, h)
			}
		}
		if vague {
			continue
		}
		for _, h := range slices.Concat(o.expiries, o.orphans) {
			if h.Key == key && len(ops) > 0 {
				ops = append(ops, h)
				w.counts.LinearGone++
			}
		}
		judged, explained := oracle.Linear(ops)
		if judged {
			w.counts.Linear++
		}
		if !explained {
			w.fail("linearizability: no order of the %d writes and strong reads of %q explains their answers", len(ops), key)
		}
	}
}
