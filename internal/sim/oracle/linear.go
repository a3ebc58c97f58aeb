package oracle

import (
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-8247e700/dsm/internal/wire"
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
		ok, next := input.(*Call).linear(s)
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

// Call is a write, or a strong read, of one variable.
type Call struct {
	Client       int
	Read         bool
	Command      wire.Command // of a write
	Reply        wire.Reply
	Unknown      bool // its outcome
	Begun, Ended time.Duration
}

// linear applies the call to a state, and tells whether its answer fits.
func (op *Call) linear(s *register) (bool, register) {
	if op.Read {
		return s.exists == (op.Reply.Version != 0) && s.value == string(op.Reply.Data) &&
			(s.version == 0 || s.version == op.Reply.Version), *s
	}
	next := register{exists: true, value: string(op.Command.Value), version: op.Reply.Position}
	status := wire.StatusOK
	switch op.Command.Op {
	case wire.OpDelete:
		next = register{}
		if !s.exists {
			status = wire.StatusNotFound
		}
	case wire.OpAdd:
		number := int64(0)
		if s.exists {
			number, _ = strconv.ParseInt(s.value, 10, 64)
		}
		next.value = strconv.FormatInt(number+op.Command.Delta, 10)
		if !op.Unknown && op.Reply.Number != number+op.Command.Delta {
			return false, *s
		}
	case wire.OpCompareAndSet:
		if s.exists && s.version == 0 {
			if !op.Unknown {
				status = op.Reply.Status // who knows
			}
		} else if s.version != op.Command.Expect {
			status = wire.StatusConflict
		}
	case wire.OpSet:
	default:
		panic("oracle: the model of a variable does not know " + op.Command.Op.String())
	}
	if status != wire.StatusOK {
		next = *s
	}
	return op.Unknown || status == op.Reply.Status, next
}

// Bounds of a history: judging is dear, and grows by powers with the operations
// that may take effect at any time.
const (
	maxLinear  = 150
	maxUnknown = 4

	linearPatience = 2 * time.Second
)

// Linear has porcupine judge the calls of one variable, unless there are none or it would
// take too long. It tells whether it has judged, and whether an order explains them.
func Linear(calls []*Call) (judged, explained bool) {
	history := make([]porcupine.Operation, 0, len(calls))
	unknown := 0
	for _, op := range calls {
		end := int64(op.Ended)
		if op.Unknown {
			end = math.MaxInt64
			unknown++
		}
		history = append(history, porcupine.Operation{ClientId: op.Client, Input: op, Call: int64(op.Begun), Return: end})
	}
	if len(history) == 0 || len(history) > maxLinear || unknown > maxUnknown {
		return false, true
	}
	// Time is for the rare history that would take all memory; it is let pass.
	return true, porcupine.CheckOperationsTimeout(variable, history, linearPatience) != porcupine.Illegal
}
