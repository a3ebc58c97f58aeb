package sim

import (
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-8247e700/dsm/internal/session"
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
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		return input.(*operation).linear(state.(register))
	},
}

// linear applies the operation to a state, and tells whether its answer fits.
func (op *operation) linear(s register) (bool, register) {
	if op.Kind == session.Get {
		return s.exists == (op.reply.Version != 0) && s.value == string(op.reply.Data) &&
			(s.version == 0 || s.version == op.reply.Version), s
	}
	next := register{exists: true, value: string(op.command.Value), version: op.reply.Position}
	status := wire.StatusOK
	switch op.command.Op {
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
		next.value = strconv.FormatInt(number+op.command.Delta, 10)
		if !op.lost && op.reply.Number != number+op.command.Delta {
			return false, s
		}
	case wire.OpCompareAndSet:
		if s.exists && s.version == 0 {
			if !op.lost {
				status = op.reply.Status // who knows
			}
		} else if s.version != op.command.Expect {
			status = wire.StatusConflict
		}
	}
	if status != wire.StatusOK {
		next = s
	}
	return op.lost || status == op.reply.Status, next
}

// Bounds of a history: judging is dear, and grows by powers with the operations
// that may take effect at any time.
const (
	maxLinear  = 150
	maxUnknown = 4

	linearPatience = 2 * time.Second
)

// checkLinear has porcupine judge the writes and strong reads of each variable.
func (w *world) checkLinear(generation uint64) {
	if w.traits.agreed || generation > 1 {
		return
	}
	for n := range w.traits.keys {
		key := variableName(n)
		var history []porcupine.Operation
		unknown := 0
		for _, c := range w.clients {
			for _, op := range c.done {
				if op.key != key || op.generation != generation || op.Kind == session.Get && (!op.strong || op.lost) {
					continue
				}
				end := int64(op.ended)
				if op.lost {
					end = math.MaxInt64
					unknown++
				}
				history = append(history, porcupine.Operation{ClientId: c.number, Input: op, Call: int64(op.begun), Return: end})
			}
		}
		if len(history) == 0 || len(history) > maxLinear || unknown > maxUnknown {
			continue
		}
		w.counts.Linear++
		// Time is for the rare history that would take all memory; it is let pass.
		if porcupine.CheckOperationsTimeout(variable, history, linearPatience) == porcupine.Illegal {
			w.fail("linearizability: no order of the %d writes and strong reads of %q explains their answers", len(history), key)
		}
	}
}
