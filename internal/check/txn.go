package check

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A transaction is carried out again on copies of the variables that it names, which
// become versions if it took effect.
type replay struct {
	r      *Reads
	drafts []*draft
	data   []byte // what its results must be, with values as hashes
	vague  bool   // some of them cannot be computed: a value was not kept whole
	owner  ownership
}

// draft is a variable as the transaction sees it.
type draft struct {
	key     string
	present version
	value   text
	written bool
	timing  timing
	owning  owning
}

// text is a value, whole, if it is kept.
type text struct {
	bytes []byte
	known bool
}

// failure is why a transaction that is carried out somewhere fails; zero: it does not.
type failure struct {
	because history.Refusal
	index   int64
	version uint64
	problem string // for people
	unsure  bool   // what it depends on is not known
}

// carryOut carries out a transaction at the place that the order has come to. It fills in
// what follows from it, and returns what is wrong with its taking effect, or not.
func (r *Reads) carryOut(e *Entry) (problem string) {
	var t wire.Txn
	if err := t.Decode(e.Command.Value); err != nil {
		if e.OK {
			return "took effect although it is malformed or too large"
		}
		return ""
	}
	ours := func(key string) bool { return strings.HasPrefix(key, r.prefix) }
	if !t.Touches(ours) {
		return ""
	}
	if t.Touches(func(key string) bool { return !ours(key) }) || slices.ContainsFunc(t.If, func(c wire.Cond) bool { return !r.knows(&c) }) {
		r.miss("%s: it has variables of others, whose values are not known", entryText(e))
		return ""
	}
	r.events++
	p := replay{r: r, owner: r.owners.may(e.Command.Session)}
	then, f := p.run(&t, e.Position)
	switch {
	case f.unsure:
		if e.OK {
			r.miss("%s: what it depends on is not known", entryText(e))
		}
	case !e.OK:
		e.Failure = f
	case f.problem != "":
		return "took effect although " + f.problem
	default:
		p.commit(e)
		e.Sum = wire.TxnElse
		if then {
			e.Sum = wire.TxnThen
		}
		if !p.vague {
			e.Data = xxh3.Hash(p.data) | 1
		}
	}
	return ""
}

// run does the transaction on the drafts.
func (p *replay) run(t *wire.Txn, position uint64) (then bool, f failure) {
	then = true
	for i := range t.If {
		holds, sure := p.holds(&t.If[i])
		if !sure {
			return false, failure{unsure: true}
		}
		then = then && holds
	}
	first := 0
	if !then {
		first = len(t.Then)
	}
	ops := t.Branch(then)
	for i := range ops {
		if f := p.do(&ops[i], position); f.problem != "" || f.unsure {
			f.index = int64(first + i)
			f.problem = fmt.Sprintf("its operation %d cannot be done: %s", f.index, f.problem)
			return then, f
		}
	}
	return then, failure{}
}

// holds reports whether a condition of If holds, and whether that is known.
func (p *replay) holds(c *wire.Cond) (holds, sure bool) {
	if c.Kind == wire.CondRange {
		return p.r.rangeHolds(c), true
	}
	return p.draft(c.Key).holds(c)
}

// do does one operation, and adds its result.
func (p *replay) do(o *wire.TxnOp, position uint64) failure {
	c := p.draft(o.Key)
	old := c.present
	switch holds, sure := c.holds(&o.If); {
	case !sure:
		return failure{unsure: true}
	case !holds:
		return failure{because: history.Conflict, version: old.shown(), problem: fmt.Sprintf("its condition on %q does not hold", o.Key)}
	}
	if o.Ephemeral && p.owner != owns {
		return failure{unsure: p.owner == mayOwn, problem: "its session has no TTL of its own"}
	}
	c.time(o, !old.absent)
	c.own(o)
	has, number := wire.TxnHas(0), int64(0)
	next := version{position: position}
	switch o.Kind {
	case wire.TxnRead, wire.TxnExpire, wire.TxnPersist:
	case wire.TxnTTL:
		if !old.absent {
			has, number = wire.TxnNumber, c.left(&p.r.timers)
		}
	case wire.TxnDelete:
		next.absent = true
		if !old.absent {
			c.become(next, text{known: true})
		}
	case wire.TxnPut:
		c.set(next, o.Value)
	case wire.TxnAdd:
		sum, why := old.add(o.Delta)
		if why != history.Refused {
			return failure{because: why, problem: fmt.Sprintf("%d cannot be added to %q", o.Delta, o.Key)}
		}
		has, number = wire.TxnNumber, sum
		c.set(next, strconv.AppendInt(nil, sum, 10))
	case wire.TxnAppend:
		has, number = wire.TxnNumber, c.append(next, o.Value)
		p.vague = p.vague || number < 0
	}
	p.result(o, old, has, number)
	return failure{}
}

// result adds the result of an operation.
func (p *replay) result(o *wire.TxnOp, old version, has wire.TxnHas, number int64) {
	shown, hash := uint64(0), uint64(0)
	if !old.absent {
		has |= wire.TxnFound
		if o.Old || o.Kind == wire.TxnRead {
			has |= wire.TxnValue
			shown, hash = old.position, old.hash
			p.vague = p.vague || old.opaque
		}
	}
	p.data = appendResult(p.data, has, shown, hash, number)
}

// appendResult appends what stands for a result.
func appendResult(dst []byte, has wire.TxnHas, version, hash uint64, number int64) []byte {
	dst = append(dst, byte(has))
	dst = binary.LittleEndian.AppendUint64(dst, version)
	dst = binary.LittleEndian.AppendUint64(dst, hash)
	return binary.LittleEndian.AppendUint64(dst, uint64(number))
}

// dataOf stands for the results that a client was told, as Entry.Data does; ok is false if
// they are none.
func dataOf(b []byte) (hash uint64, ok bool) {
	results, err := wire.DecodeTxnResults(b)
	if err != nil {
		return 0, false
	}
	var data []byte
	for i := range results {
		one, value := &results[i], uint64(0)
		if one.Has&wire.TxnValue != 0 {
			value = xxh3.Hash(one.Value)
		}
		data = appendResult(data, one.Has, one.Version, value, one.Number)
	}
	return xxh3.Hash(data) | 1, true
}

// draft returns that of a key.
func (p *replay) draft(key string) *draft {
	for _, c := range p.drafts {
		if c.key == key {
			return c
		}
	}
	c := &draft{key: key, present: version{absent: true}, value: text{known: true}}
	if v := p.r.variables[key]; v != nil {
		c.present, c.value = v.present(), v.whole()
	}
	p.drafts = append(p.drafts, c)
	return c
}

// holds reports whether a condition holds, and whether that is known.
func (c *draft) holds(cond *wire.Cond) (holds, sure bool) {
	switch cond.Kind {
	case wire.CondVersion:
		return c.present.shown() == cond.Version, true
	case wire.CondPresent:
		return !c.present.absent, true
	case wire.CondValue:
		return !c.present.absent && c.present.hash == xxh3.Hash(cond.Value), c.present.absent || !c.present.opaque
	case wire.CondNone, wire.CondRange:
	}
	return true, true
}

func (c *draft) become(next version, value text) {
	c.present, c.value, c.written = next, value, true
}

func (c *draft) set(next version, value []byte) {
	next.hash = xxh3.Hash(value)
	next.number, next.numeric = parseNumber(value)
	c.become(next, text{value, true})
}

// append returns the length of the value from now on, -1 if the value before is not known.
func (c *draft) append(next version, value []byte) int64 {
	if !c.value.known {
		next.opaque = true
		c.become(next, text{})
		return -1
	}
	whole := append(c.value.bytes[:len(c.value.bytes):len(c.value.bytes)], value...)
	c.set(next, whole)
	return int64(len(whole))
}

// commit makes versions of what was written, and sets and clears TTLs and owners.
func (p *replay) commit(e *Entry) {
	for _, c := range p.drafts {
		if c.written {
			p.write(c, &e.Command)
		}
		switch {
		case c.present.absent, c.timing.touched && c.timing.ttl == 0:
			p.r.timers.clear(c.key)
		case c.timing.touched:
			p.r.timers.set(strings.Clone(c.key), c.timing.ttl, e.Position)
		}
		switch c.owning {
		case ownedByNone:
			p.r.owners.clear(c.key)
		case ownedBySession:
			p.r.owners.set(strings.Clone(c.key), e.Command.Session)
		case ownedAsBefore:
		}
	}
}

// write makes a version of a draft.
func (p *replay) write(c *draft, by *wire.Command) {
	if p.r.variables[c.key] == nil && c.present.absent {
		return
	}
	v := p.r.variable(c.key)
	if c.present.absent && v.present().absent {
		return // put and deleted
	}
	v.prune(p.r.keepFrom())
	c.present.session, c.present.seq = by.Session, by.Seq
	p.r.change(c.key, c.present, v.present())
	v.versions = append(v.versions, c.present)
	v.keepWhole(c.value.bytes, c.value.known, p.r.wholeBytes)
}
