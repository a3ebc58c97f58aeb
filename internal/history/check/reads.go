package main

import (
	"cmp"
	"encoding/base64"
	"slices"
	"sort"
	"strconv"
)

// state is what a variable held from a position on.
type state struct {
	position uint64
	value    *string // base64; nil: absent
}

func (s state) version() uint64 {
	if s.value == nil {
		return 0
	}
	return s.position
}

// checkReads carries the order out, with what expires in it, and holds each read
// against the state at its position.
func (v *verdict) checkReads(o *order, ops []operation) {
	states := v.replay(o)
	keys := keysOf(states)
	for i := range ops {
		op := &ops[i]
		if !op.reads() || op.Status != "ok" {
			continue
		}
		if op.Position > o.last || op.Position+1 < o.first {
			v.bad("reads: %v: the logs do not reach that position", op)
			continue
		}
		if op.scans() {
			v.checkScan(op, keys, states)
			continue
		}
		was := stateAt(states[op.Key], op.Position)
		if op.Version != was.version() || !equal(op.Value, was.value) {
			v.bad("reads: %v returned %s, the last write is of position %d", op, text(op.Value), was.position)
		}
	}
}

// replay returns the states of each variable, in order.
func (v *verdict) replay(o *order) map[string][]state {
	states := make(map[string][]state)
	var clocks timers
	var sessions owners
	for p := o.first; p <= o.last; p++ {
		e := o.entries[p]
		if e == nil {
			continue
		}
		for _, key := range v.followSession(e, &sessions) {
			clocks.clear(key)
			states[key] = append(states[key], state{position: p})
		}
		switch {
		case e.Op == "tick" || e.Op == "clock":
			v.tick(e, &clocks, &sessions, states)
			continue
		case !e.writes() || !e.OK:
			continue
		case e.Op == "txn":
			v.replayTxn(e, o.first, states, &clocks, &sessions)
			continue
		}
		old := stateAt(states[e.Key], p)
		next := state{position: p, value: e.Value}
		switch e.Op {
		case "cas":
			// Before the first state a shared group may have had another.
			if old.version() != e.Expect && (old.position != 0 || e.Expect >= o.first) {
				v.bad("reads: %v took effect, but the version was %d", e, old.version())
			}
		case "add":
			sum, ok := add(old.value, e.Value)
			if !ok {
				v.bad("reads: %v took effect on what is no number", e)
			}
			next.value = &sum
		case "del":
			next.value = nil
			clocks.clear(e.Key)
			sessions.free(e.Key)
		case "set":
			clocks.clear(e.Key)
			sessions.free(e.Key)
		default:
			v.bad("reads: what %v does is not known", e)
		}
		states[e.Key] = append(states[e.Key], next)
	}
	return states
}

func stateAt(list []state, position uint64) state {
	n := sort.Search(len(list), func(i int) bool { return list[i].position > position })
	if n == 0 {
		return state{}
	}
	return list[n-1]
}

// add is the base64 text of the sum of two base64 texts.
func add(old, delta *string) (string, bool) {
	a, okA := number(old)
	b, okB := number(delta)
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(a+b, 10))), okA && okB
}

func number(value *string) (int64, bool) {
	if value == nil {
		return 0, true
	}
	digits, err := base64.StdEncoding.DecodeString(*value)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}

func equal(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func text(value *string) string {
	if value == nil {
		return "nothing"
	}
	return *value
}

// checkSessions looks for operations of a session that go back.
func (v *verdict) checkSessions(ops []operation) {
	sessions := make(map[uint64][]*operation)
	for i := range ops {
		if op := &ops[i]; op.Position != 0 {
			sessions[op.Session] = append(sessions[op.Session], op)
		}
	}
	for _, list := range sessions {
		v.sweep(list, func(op *operation, seen uint64) {
			if op.Position < seen || !op.reads() && op.Position == seen {
				v.bad("session: %v had seen position %d", op, seen)
			}
		}, func(*operation) bool { return true })
	}
}

// checkStrong looks for strong reads that miss what was acknowledged.
func (v *verdict) checkStrong(ops []operation) {
	var list []*operation
	for i := range ops {
		if op := &ops[i]; op.Position != 0 && (op.Op == "getstrong" || !op.reads()) {
			list = append(list, op)
		}
	}
	v.sweep(list, func(op *operation, seen uint64) {
		if op.Op == "getstrong" && op.Position < seen {
			v.bad("strong: %v: position %d was acknowledged before it began", op, seen)
		}
	}, func(op *operation) bool { return !op.reads() })
}

// sweep calls see for each operation with the highest position of those that
// count and ended before it began.
func (v *verdict) sweep(list []*operation, see func(*operation, uint64), counts func(*operation) bool) {
	byEnd := slices.Clone(list)
	slices.SortFunc(byEnd, func(a, b *operation) int { return cmp.Compare(a.End, b.End) })
	slices.SortFunc(list, func(a, b *operation) int { return cmp.Compare(a.Start, b.Start) })
	seen, next := uint64(0), 0
	for _, op := range list {
		for ; next < len(byEnd) && byEnd[next].End < op.Start; next++ {
			if counts(byEnd[next]) {
				seen = max(seen, byEnd[next].Position)
			}
		}
		see(op, seen)
	}
}
