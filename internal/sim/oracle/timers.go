package oracle

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// memory is all variables, the timers of those with a TTL, and the owners of those with one.
type memory struct {
	values map[string]value
	timers map[string]timer
	owners map[string]uint64
}

// timer is when a variable expires.
type timer struct {
	ttl      int64 // in milliseconds
	set      uint64
	started  bool
	deadline int64
}

// Expiry is a variable that is going to expire, or has.
type Expiry struct {
	Key     string
	TTL     int64  // in milliseconds
	Set     uint64 // position of the command that set the TTL
	Version uint64 // of the variable
	Left    int64  // of the TTL, as far as ticks have counted it; what has expired has none
	Owner   uint64 // the session with which it goes; 0: its time is over
}

func (m *memory) clone() memory {
	return memory{maps.Clone(m.values), maps.Clone(m.timers), maps.Clone(m.owners)}
}

// remove takes a variable away, with all that it has.
func (m *memory) remove(key string) {
	delete(m.values, key)
	delete(m.timers, key)
	delete(m.owners, key)
}

// expiry describes a variable with a TTL.
func (o *Oracle) expiry(key string) Expiry {
	t := o.memory.timers[key]
	return Expiry{Key: key, TTL: t.ttl, Set: t.set, Version: o.memory.values[key].version, Left: o.left(t)}
}

// left is what is left of a TTL.
func (o *Oracle) left(t timer) int64 {
	if !t.started {
		return t.ttl
	}
	return min(max(t.deadline-o.clock, 0), t.ttl)
}

// Timed lists the variables with a TTL.
func (o *Oracle) Timed() (list []Expiry) {
	for _, key := range slices.Sorted(maps.Keys(o.memory.timers)) {
		list = append(list, o.expiry(key))
	}
	return list
}

// How many variables a tick removes because they are due, and a command because their owners
// have ended.
const (
	mostExpiries = 256
	mostOwned    = 10_000
)

// passTime follows a tick by which variables expire.
func (o *Oracle) passTime(position uint64, c *wire.Command, result *wire.Result) {
	want := wire.Result{Position: position}
	if c.Expect >= position {
		want.Status = wire.StatusBadRequest
	}
	if *result != want {
		o.Fail("ticks: one at %d that knows %d has %+v, want %+v", position, c.Expect, *result, want)
	}
	if result.Status != wire.StatusOK {
		return
	}
	o.Counts.Clocks++
	o.tick(position, c.Delta)
	o.passSessions(position, c.Expect)
	if o.Partial {
		return
	}
	o.expireOwned(position)
	for range mostExpiries {
		key, ok := o.firstDue()
		if !ok {
			break
		}
		o.Counts.Gone++
		if o.Expired != nil {
			o.Expired(position, o.expiry(key))
		}
		o.memory.remove(key)
	}
	for key, t := range o.memory.timers {
		if !t.started && t.set <= c.Expect {
			t.started, t.deadline = true, o.clock+t.ttl+1
			o.memory.timers[key] = t
		}
	}
}

// firstDue is the variable that a tick removes next.
func (o *Oracle) firstDue() (first string, ok bool) {
	for key, t := range o.memory.timers {
		if !t.started || t.deadline > o.clock {
			continue
		}
		f := o.memory.timers[first]
		if !ok || cmp.Or(cmp.Compare(t.deadline, f.deadline), cmp.Compare(t.set, f.set), cmp.Compare(key, first)) < 0 {
			first, ok = key, true
		}
	}
	return first, ok
}

// time does to a TTL what an operation of a transaction does.
func (m *memory) time(op *wire.TxnOp, exists bool, position uint64) {
	switch {
	case op.Kind == wire.TxnExpire && !exists:
	case op.TTL > 0:
		m.timers[op.Key] = timer{ttl: int64(op.TTL), set: position}
	case op.Kind == wire.TxnPut && !op.KeepTTL, op.Kind == wire.TxnDelete, op.Kind == wire.TxnPersist:
		delete(m.timers, op.Key)
	}
}

// count counts what a transaction that was done does to TTLs.
func (c *Counts) count(op *wire.TxnOp) {
	switch op.Kind {
	case wire.TxnExpire:
		c.Expires++
	case wire.TxnPersist:
		c.Persists++
	case wire.TxnTTL:
		c.Asked++
	default:
		if op.Ephemeral {
			c.Ephemerals++
		}
		if op.TTL > 0 {
			c.WithTTL++
		}
		if op.KeepTTL {
			c.KeepTTL++
		}
	}
}
