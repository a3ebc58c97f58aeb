package workload

import (
	"strings"

	"github.com/seed-8247e700/dsm/internal/history"
)

// ledger knows how many writes of each variable took effect, from what clients were told and,
// of those whose outcome is unknown, from the order.
type ledger struct {
	open map[writeID]half
	keys map[string]*writes
}

// writeID names a write, however often it was sent.
type writeID struct{ session, seq uint64 }

// half is a write of which only the order, or only its client, has been heard.
type half uint8

const (
	inOrder half = iota + 1 // it took effect
	isAcked                 // its client was told so
	unknown                 // its client does not know
)

// writes counts the writes of a variable.
type writes struct {
	acked int64 // acknowledged
	took  int64 // of unknown outcome, and in the order
}

func newLedger() ledger {
	return ledger{open: make(map[writeID]half), keys: make(map[string]*writes)}
}

func (l *ledger) of(key string) *writes {
	one := l.keys[key]
	if one == nil {
		one = &writes{}
		l.keys[strings.Clone(key)] = one // which may be part of a message
	}
	return one
}

// effect takes a write that took effect.
func (l *ledger) effect(session, seq uint64, key string) {
	id := writeID{session, seq}
	switch l.open[id] {
	case isAcked:
		delete(l.open, id)
	case unknown:
		delete(l.open, id)
		l.of(key).took++
	default:
		l.open[id] = inOrder
	}
}

// complete takes what became of a write, as its client knows it.
func (l *ledger) complete(o *history.Op, key string) {
	id := writeID{o.Session, o.Seq}
	known := l.open[id] == inOrder
	switch {
	case o.Status == history.OK:
		l.of(key).acked++
		if !known {
			l.open[id] = isAcked
		}
	case o.Status == history.Unknown && o.Seq != 0: // or else it never became a command
		if known {
			l.of(key).took++
		} else {
			l.open[id] = unknown
		}
	}
	if known {
		delete(l.open, id)
	}
}

// total returns the sums over all variables.
func (l *ledger) total() (acked, took int64) {
	for _, one := range l.keys {
		acked, took = acked+one.acked, took+one.took
	}
	return acked, took
}
