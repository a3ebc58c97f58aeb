package oracle

import (
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-8247e700/dsm/internal/history"
)

// register is a variable as porcupine sees it. A version of 0 is not known.
type register struct {
	exists  bool
	value   string
	version uint64
}

// variable is the model of one variable. An operation of unknown outcome may have
// taken effect at any time after it began, or never, which is after all others.
var variable = porcupine.Model{
	Init: func() any { return new(register) },
	Step: func(state, input, _ any) (bool, any) {
		s := state.(*register)
		ok, next := linear(input.(*history.Op), s)
		if !ok || next.equal(s) {
			return ok, state
		}
		return true, &next
	},
	Equal: func(a, b any) bool { return a.(*register).equal(b.(*register)) },
}

// equal compares what differs most often first.
func (s *register) equal(t *register) bool {
	return s == t || s.version == t.version && s.exists == t.exists && s.value == t.value
}

// expiry is the kind of an operation that is nobody's: a variable expires. It has the
// variable's Version.
const expiry history.Kind = "expiry"

// Gone returns the expiry of a variable as an operation, which takes effect at a time from
// start to end.
func Gone(e *Expiry, start, end time.Duration) *history.Op {
	return &history.Op{Client: -1, Kind: expiry, Key: e.Key, Version: e.Version, Status: history.OK, Start: int64(start), End: int64(end)}
}

// linear applies an operation to a state, and tells whether its answer fits.
func linear(op *history.Op, s *register) (bool, register) {
	if op.Kind.IsRead() {
		return s.exists == (op.Value != nil) && s.value == string(op.Value) && (s.version == 0 || s.version == op.Version), *s
	}
	switch op.Kind {
	case history.Txn:
		return linearTxn(op, s)
	case expiry:
		return s.exists && (s.version == 0 || s.version == op.Version), register{}
	}
	unknown := op.Status == history.Unknown
	next := register{exists: true, value: string(op.Value), version: op.Position}
	because := history.Refused
	switch op.Kind {
	case history.Delete:
		next = register{}
		if !s.exists {
			because = history.NotFound
		}
	case history.Add:
		number := int64(0)
		if s.exists {
			var err error
			if number, err = strconv.ParseInt(s.value, 10, 64); err != nil {
				because = history.NotInteger
				break
			}
		}
		next.value = strconv.FormatInt(number+op.Delta, 10)
		if !unknown && op.Sum != number+op.Delta {
			return false, *s
		}
	case history.CompareAndSet:
		if s.exists && s.version == 0 {
			if !unknown {
				because = op.Because // who knows
			}
		} else if s.version != op.Expect {
			because = history.Conflict
		}
	case history.Set:
	default:
		panic("oracle: the model of a variable does not know " + string(op.Kind))
	}
	if because != history.Refused {
		next = *s
	}
	return unknown || because == op.Because, next
}

// Bounds of a history: judging is dear, and grows by powers with the operations
// that may take effect at any time.
const (
	maxLinear  = 150
	maxUnknown = 4

	linearPatience = 2 * time.Second
)

// Linear has porcupine judge the operations on one variable, unless there are none or it
// would take too long. It tells whether it has judged, and whether an order explains them.
func Linear(ops []*history.Op) (judged, explained bool) {
	calls := make([]porcupine.Operation, 0, len(ops))
	unknown := 0
	for _, op := range ops {
		end := op.End
		if op.Status == history.Unknown {
			end = math.MaxInt64
			unknown++
		}
		calls = append(calls, porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Start, Return: end})
	}
	if len(calls) == 0 || len(calls) > maxLinear || unknown > maxUnknown {
		return false, true
	}
	// Time is for the rare history that would take all memory; it is let pass.
	return true, porcupine.CheckOperationsTimeout(variable, calls, linearPatience) != porcupine.Illegal
}
