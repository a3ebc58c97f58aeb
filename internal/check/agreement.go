package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxPending bounds the writes that wait for their other half: a command that
// no client has told of yet, or a write told that the order does not have yet.
const maxPending = 1 << 22

// Agreement checks that each acknowledged write is in the order exactly once,
// at the position its client was told, and as it was asked for; that one whose
// outcome is unknown is there at most once; that one refused has no effect;
// and that nothing is there that was never submitted.
type Agreement struct {
	tally
	shared   bool   // others write too, outside of prefix
	prefix   string // of our keys
	position uint64
	sessions map[uint64]*seqSet // which writes of each are settled
	ordered  map[writeID]found
	told     map[writeID]told
	writes   uint64 // in the order, of ours, with effect
	foreign  uint64 // and of others
}

// writeID names a write, however often it was sent.
type writeID struct{ session, seq uint64 }

// found is a write as the order has it.
type found struct {
	effect  uint64   // position where it took effect, 0 if it did not
	refused []uint64 // of copies without effect
	op      wire.Op
	content uint64
	sum     int64
	data    uint64    // of a transaction, see Entry
	why     []failure // of a transaction, as long as refused
}

// told is a write as its client has it.
type told struct {
	op      history.Op // without its value
	content uint64
	data    uint64 // that stands for the results of a transaction
}

// NewAgreement returns the check of the order after position origin. With
// shared, clients that are not ours may write keys without the prefix.
func NewAgreement(shared bool, prefix string, origin uint64) *Agreement {
	return &Agreement{
		tally:  tally{name: "agreement, validity"},
		shared: shared, prefix: prefix, position: origin,
		sessions: make(map[uint64]*seqSet),
		ordered:  make(map[writeID]found),
		told:     make(map[writeID]told),
	}
}

// settledOf has the writes of a session for which nothing is left to wait.
func (a *Agreement) settledOf(session uint64) *seqSet {
	s := a.sessions[session]
	if s == nil {
		s = &seqSet{}
		a.sessions[session] = s
	}
	return s
}

// Order takes the next command of the order.
func (a *Agreement) Order(e *Entry) {
	a.position = e.Position
	c := &e.Command
	if !c.Op.IsWrite() {
		return
	}
	if a.shared && !a.ours(c) {
		a.foreign++
		return
	}
	a.events++
	settled := a.settledOf(c.Session)
	if e.OK {
		a.writes++
	}
	if settled.has(c.Seq) {
		if e.OK {
			a.violate("%s took effect, although it had before, or its client was told that it never would", entryText(e))
		}
		return
	}
	id := writeID{c.Session, c.Seq}
	f := a.ordered[id]
	switch {
	case e.OK && f.effect != 0:
		a.violate("%s took effect, although it had at position %d", entryText(e), f.effect)
	case e.OK:
		f.effect, f.op, f.content, f.sum = e.Position, c.Op, contentOfCommand(c), e.Sum
		f.data = e.Data
	default:
		f.refused = append(f.refused, e.Position)
		if c.Op == wire.OpTxn {
			f.why = append(f.why, e.Failure)
		}
		if f.effect == 0 {
			f.op, f.content = c.Op, contentOfCommand(c)
		}
	}
	if t, ok := a.told[id]; ok && a.settle(&t, &f) {
		settled.add(c.Seq)
		delete(a.told, id)
		delete(a.ordered, id)
		return
	}
	if len(a.ordered) >= maxPending {
		a.miss("%s: too many writes wait for their clients", entryText(e))
		return
	}
	a.ordered[id] = f
}

// Complete takes an operation. Operations may come in any order.
func (a *Agreement) Complete(o *history.Op) {
	if o.Kind.IsRead() {
		return
	}
	a.events++
	if o.Seq == 0 {
		if o.Status == history.OK {
			a.miss("%s has no sequence number", opText(o))
		}
		return // it never became a command
	}
	settled := a.settledOf(o.Session)
	if settled.has(o.Seq) {
		a.violate("%s has the sequence number of another", opText(o))
		return
	}
	id := writeID{o.Session, o.Seq}
	if _, ok := a.told[id]; ok {
		a.violate("%s has the sequence number of another", opText(o))
		return
	}
	t := told{op: *o, content: contentOfOp(o)}
	if o.Kind == history.Txn && o.Status == history.OK {
		var ok bool
		if t.data, ok = dataOf(o.Results); !ok {
			a.violate("%s was told results that cannot be read", opText(o))
		}
	}
	t.op.Value, t.op.Results = nil, nil
	f := a.ordered[id] // zero if the order does not have it yet
	if a.settle(&t, &f) {
		settled.add(o.Seq)
		delete(a.ordered, id)
		return
	}
	if len(a.told) >= maxPending {
		a.miss("%s: too many writes wait for the order", opText(o))
		return
	}
	a.told[id] = t
}

// settle holds a write told against the same write found, and reports whether
// nothing is left to wait for.
func (a *Agreement) settle(t *told, f *found) bool {
	if f.effect == 0 && len(f.refused) == 0 {
		// The order does not have it (yet). A write that was refused without a
		// position needs no place there.
		return t.op.Status == history.Fail && t.op.Position == 0
	}
	if f.content != t.content {
		a.violate("%s is in the order at position %d with another content (a %s)",
			opText(&t.op), f.position(), f.op)
		return true
	}
	switch {
	case t.op.Status == history.Unknown:
		return f.effect != 0
	case t.op.Status == history.Fail && f.effect != 0:
		a.violate("%s took effect at position %d", opText(&t.op), f.effect)
		return true
	case t.op.Status == history.Fail:
		at := slices.Index(f.refused, t.op.Position)
		if at >= 0 && f.op == wire.OpTxn {
			a.settleFailure(&t.op, &f.why[at])
		}
		return t.op.Position == 0 || at >= 0
	case f.effect == 0:
		return false
	case f.effect != t.op.Position:
		a.violate("%s took effect at position %d", opText(&t.op), f.effect)
	case t.op.Kind != history.Delete && t.op.Version != f.effect:
		a.violate("%s was told a version that is not its position", opText(&t.op))
	case t.op.Kind == history.Add && t.op.Sum != f.sum:
		a.violate("%s was told the sum %d, which is %d", opText(&t.op), t.op.Sum, f.sum)
	case t.op.Kind == history.Txn && f.data != 0 && t.op.Sum != f.sum:
		a.violate("%s was told branch %d, and branch %d ran", opText(&t.op), t.op.Sum, f.sum)
	case t.op.Kind == history.Txn && f.data != 0 && t.data != f.data:
		a.violate("%s was told results that are not those of its position", opText(&t.op))
	}
	return true
}

// settleFailure holds why a transaction was refused against what it meets where it was.
func (a *Agreement) settleFailure(o *history.Op, f *failure) {
	switch {
	case f.unsure || o.Because == history.Refused || o.Because == history.Quota:
	case f.problem == "":
		a.violate("%s was refused, and could have been done", opText(o))
	case o.Because != f.because || o.Sum != f.index || o.Version != f.version:
		a.violate("%s was refused for operation %d and version %d, but %s, with version %d", opText(o), o.Sum, o.Version, f.problem, f.version)
	}
}

// ours reports whether a write is of one of our variables.
func (a *Agreement) ours(c *wire.Command) bool {
	if c.Op != wire.OpTxn {
		return strings.HasPrefix(c.Key, a.prefix)
	}
	var t wire.Txn
	return t.Decode(c.Value) == nil && t.Touches(func(key string) bool { return strings.HasPrefix(key, a.prefix) })
}

// Finish tells of what has no other half.
func (a *Agreement) Finish() Result {
	unknown := 0
	for _, id := range sortedIDs(a.told) {
		t := a.told[id]
		switch {
		case t.op.Status == history.Unknown:
			unknown++
		case t.op.Position > a.position:
			a.miss("%s: the order is known only up to position %d", opText(&t.op), a.position)
		default:
			a.violate("%s is not in the order as told (%s)", opText(&t.op), a.ordered[id].text())
		}
	}
	for _, id := range sortedIDs(a.ordered) {
		if _, ok := a.told[id]; !ok {
			f := a.ordered[id]
			a.violate("a %s of session %d, seq %d, was never submitted, but is in the order (%s)",
				f.op, id.session, id.seq, f.text())
		}
	}
	covers := fmt.Sprintf("%d writes took effect once, where told", a.writes)
	if unknown > 0 {
		covers += fmt.Sprintf("; %d of unknown outcome did not", unknown)
	}
	if a.shared {
		covers += fmt.Sprintf("; %d of others passed by", a.foreign)
	}
	return a.result(covers,
		"contents hashed, from the command or the acknowledgement on until there are both")
}

// sortedIDs is the keys of m in order, so that equal runs are told alike.
func sortedIDs[V any](m map[writeID]V) []writeID {
	return slices.SortedFunc(maps.Keys(m), func(x, y writeID) int {
		return cmp.Or(cmp.Compare(x.session, y.session), cmp.Compare(x.seq, y.seq))
	})
}

// position is where it is, first of all where it took effect.
func (f found) position() uint64 {
	if f.effect == 0 {
		return f.refused[0]
	}
	return f.effect
}

func (f found) text() string {
	switch {
	case f.effect != 0:
		return fmt.Sprintf("it took effect at position %d", f.effect)
	case len(f.refused) > 0:
		return fmt.Sprintf("it is there without effect at position %d", f.refused[0])
	default:
		return "it is not there at all"
	}
}

func entryText(e *Entry) string {
	return fmt.Sprintf("%s %q of session %d, seq %d, at position %d",
		e.Command.Op, e.Command.Key, e.Command.Session, e.Command.Seq, e.Position)
}
