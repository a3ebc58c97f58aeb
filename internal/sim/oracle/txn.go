package oracle

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// transact does a transaction on a copy of all variables, which it returns, with the result
// and its data. If it fails, the variables are those from before.
func (o *Oracle) transact(position, session uint64, encoded []byte) (now memory, want wire.Result, data []byte) {
	want.Position = position
	var t wire.Txn
	if err := t.Decode(encoded); err != nil {
		o.Fail("results: a client has sent what is no transaction: %v", err)
	}
	now = o.memory.clone()
	want.Number = wire.TxnThen
	branch, first := t.Then, 0
	missed := uint64(0)
	for i := range t.If {
		if !o.condition(now.values, &t.If[i]) && missed == 0 {
			branch, first, want.Number, missed = t.Else, len(t.Then), wire.TxnElse, uint64(i+1)
		}
	}
	for i := range branch {
		op := &branch[i]
		status := wire.StatusConflict
		if holds(now.values, op.Key, &op.If) {
			data, status = o.do(&now, op, position, session, data)
		} else {
			want.Version = now.values[op.Key].version
		}
		if status != wire.StatusOK {
			want.Status, want.Number = status, int64(first+i)
			o.Counts.TxnFailed++
			return o.memory, want, nil
		}
	}
	want.Version = missed
	if o.boundAll(position, o.memory.values, now.values, &want); want.Status != wire.StatusOK {
		o.Counts.TxnFailed++
		return o.memory, want, nil
	}
	o.Counts.Txns++
	for i := range branch {
		o.Counts.count(&branch[i])
	}
	if want.Number == wire.TxnElse {
		o.Counts.TxnElse++
	}
	return now, want, data
}

// condition reports whether a condition of If holds.
func (o *Oracle) condition(values map[string]value, c *wire.Cond) bool {
	if c.Kind != wire.CondRange {
		return holds(values, c.Key, c)
	}
	if rangeOf(values, c.Key, c.Range.To) != *c.Range {
		o.Counts.RangesChanged++
		return false
	}
	o.Counts.RangesHeld++
	return true
}

// rangeOf is what a condition on a range has to say to hold.
func rangeOf(values map[string]value, from, to string) wire.RangeState {
	state := wire.RangeState{To: to}
	hash := sha256.New()
	var number [binary.MaxVarintLen64]byte
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key < from || to != "" && key >= to {
			continue
		}
		state.Count++
		hash.Write(number[:binary.PutUvarint(number[:], uint64(len(key)))])
		hash.Write([]byte(key))
		hash.Write(number[:binary.PutUvarint(number[:], values[key].version)])
	}
	copy(state.Sum[:], hash.Sum(nil))
	return state
}

func holds(values map[string]value, key string, c *wire.Cond) bool {
	v, exists := values[key]
	switch c.Kind {
	case wire.CondVersion:
		return v.version == c.Version
	case wire.CondValue:
		return exists && v.text == string(c.Value)
	case wire.CondPresent:
		return exists
	default:
		return true
	}
}

// do does an operation, and appends its result to data.
func (o *Oracle) do(m *memory, op *wire.TxnOp, position, session uint64, data []byte) ([]byte, wire.Status) {
	values := m.values
	old, exists := values[op.Key]
	if s := o.sessions[session]; op.Ephemeral && (s == nil || s.ttl == 0) {
		return data, wire.StatusBadRequest
	}
	var r wire.TxnResult
	if exists {
		r.Has |= wire.TxnFound
	}
	if exists && (op.Old || op.Kind == wire.TxnRead) {
		r.Has, r.Version, r.Value = r.Has|wire.TxnValue, old.version, []byte(old.text)
	}
	switch op.Kind {
	case wire.TxnPut:
		values[op.Key] = value{position, string(op.Value)}
	case wire.TxnDelete:
		delete(values, op.Key)
	case wire.TxnAdd:
		number := int64(0)
		if exists {
			var err error
			if number, err = strconv.ParseInt(old.text, 10, 64); err != nil {
				return data, wire.StatusNotInteger
			}
		}
		if sum := number + op.Delta; (sum < number) != (op.Delta < 0) {
			return data, wire.StatusOverflow
		}
		r.Has, r.Number = r.Has|wire.TxnNumber, number+op.Delta
		values[op.Key] = value{position, strconv.FormatInt(r.Number, 10)}
	case wire.TxnAppend:
		text := old.text + string(op.Value)
		r.Has, r.Number = r.Has|wire.TxnNumber, int64(len(text))
		values[op.Key] = value{position, text}
	case wire.TxnTTL:
		if t, timed := m.timers[op.Key]; timed {
			r.Has, r.Number = r.Has|wire.TxnNumber, o.left(t)
		} else if exists {
			r.Has, r.Number = r.Has|wire.TxnNumber, wire.NoTTL
		}
	case wire.TxnRead, wire.TxnExpire, wire.TxnPersist:
	}
	m.time(op, exists, position)
	m.own(op, session)
	return r.Append(data), wire.StatusOK
}

// transacted holds the result of a transaction, and what goes with it, against what they
// have to be.
func (o *Oracle) transacted(position uint64, c *wire.Command, result *wire.Result, data []byte) {
	now, want, wantData := o.transact(position, c.Session, c.Value)
	if *result != want || string(data) != string(wantData) {
		o.Fail("results: the transaction %q at %d has %+v with %q, want %+v with %q", c.Value, position, *result, data, want, wantData)
	}
	o.memory = now
	if want.Status == wire.StatusOK {
		o.updated(position, c.Value, want.Number)
	}
}

// UpdateKey is the beginning of the variables in which each update of a client puts its number.
const UpdateKey = "upd"

// updated holds that an update is done once, whatever its client believes.
func (o *Oracle) updated(position uint64, encoded []byte, branch int64) {
	var t wire.Txn
	if t.Decode(encoded) != nil {
		return
	}
	for _, op := range t.Branch(branch == wire.TxnThen) {
		if !strings.HasPrefix(op.Key, UpdateKey) {
			continue
		}
		name := op.Key + " " + string(op.Value)
		if before, done := o.updates[name]; done {
			o.Fail("exactly once: the update %s is done at %d and at %d", name, before, position)
		}
		o.updates[name] = position
	}
}
