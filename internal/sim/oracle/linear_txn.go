package oracle

import (
	"strconv"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Touched returns what a transaction looks like to those who see one variable: the same
// operation with the variable's key. ok is false if it does not name the variable.
func Touched(op *history.Op, key string) (seen *history.Op, ok bool) {
	var t wire.Txn
	if t.Decode(op.Value) != nil || !t.Touches(func(k string) bool { return k == key }) {
		return nil, false
	}
	one := *op
	one.Key = key
	return &one, true
}

// linearTxn applies what a transaction of known outcome does to one variable, and tells
// whether its answer fits. What it asks of others is not seen here. One that failed may
// have done so for any of them.
func linearTxn(op *history.Op, s *register) (bool, register) {
	var t wire.Txn
	results, err := wire.DecodeTxnResults(op.Results)
	if op.Status != history.OK {
		return true, *s
	}
	if t.Decode(op.Value) != nil || err != nil || len(results) != len(t.Branch(op.Sum == wire.TxnThen)) {
		return false, *s
	}
	if op.Sum == wire.TxnThen {
		for i := range t.If {
			if t.If[i].Key == op.Key && !s.holds(&t.If[i]) {
				return false, *s
			}
		}
	}
	next := *s
	for i, o := range t.Branch(op.Sum == wire.TxnThen) {
		if o.Key != op.Key {
			continue
		}
		r := &results[i]
		if !next.holds(&o.If) || next.exists != (r.Has&wire.TxnFound != 0) ||
			r.Has&wire.TxnValue != 0 && (string(r.Value) != next.value || next.version != 0 && r.Version != next.version) {
			return false, *s
		}
		if !next.change(&o, op.Position, r.Number) {
			return false, *s
		}
	}
	return true, next
}

// holds reports whether a condition may hold: the version need not be known.
func (s *register) holds(c *wire.Cond) bool {
	switch c.Kind {
	case wire.CondVersion:
		if s.exists && s.version == 0 {
			return c.Version != 0
		}
		return s.version == c.Version
	case wire.CondValue:
		return s.exists && s.value == string(c.Value)
	case wire.CondPresent:
		return s.exists
	default:
		return true
	}
}

// change does an operation, and reports whether the number that it returned fits.
func (s *register) change(o *wire.TxnOp, position uint64, number int64) bool {
	switch o.Kind {
	case wire.TxnPut:
		*s = register{exists: true, value: string(o.Value), version: position}
	case wire.TxnDelete:
		*s = register{}
	case wire.TxnAppend:
		*s = register{exists: true, value: s.value + string(o.Value), version: position}
		return number == int64(len(s.value))
	case wire.TxnAdd:
		before := int64(0)
		if s.exists {
			before, _ = strconv.ParseInt(s.value, 10, 64)
		}
		*s = register{exists: true, value: strconv.FormatInt(number, 10), version: position}
		return number == before+o.Delta
	case wire.TxnRead, wire.TxnExpire, wire.TxnPersist, wire.TxnTTL: // expiries are known
	}
	return true
}
