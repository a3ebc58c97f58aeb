package store

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// executeTxn does a transaction on a copy of all variables. It returns false if the session
// has no room for the results.
func (o *oracle) executeTxn(c wire.Command, s *oracleSession, r *wire.Result) bool {
	var txn wire.Txn
	switch err := txn.Decode(c.Value); {
	case err != nil && len(c.Value) > wire.MaxTxnBytes || err == wire.ErrTxnTooLarge: //nolint:errorlint // as Decode returns it
		r.Status, r.Number = wire.StatusTooLarge, wire.TxnWhole
		return true
	case err != nil:
		r.Status, r.Number = wire.StatusBadRequest, wire.TxnWhole
		return true
	}
	before, timers, owners := maps.Clone(o.variables), maps.Clone(o.timers), maps.Clone(o.owners)
	o.session, o.timed = c.Session, s.ttl != 0
	data, done := o.runTxn(&txn, r)
	if !done {
		o.variables, o.timers, o.owners = before, timers, owners
		return true
	}
	all := len(data)
	for _, d := range s.data {
		all += len(d)
	}
	if all > 2*(wire.MaxTxnBytes+o.limits.MaxValueBytes) {
		o.variables, o.timers, o.owners = before, timers, owners
		*r = wire.Result{Status: wire.StatusTooManyResults, Position: o.position}
		return false
	}
	if o.data = data; data != "" {
		s.data[c.Seq] = data
	}
	return true
}

// runTxn carries out a transaction, and reports whether all of it could be done.
func (o *oracle) runTxn(txn *wire.Txn, r *wire.Result) (data string, done bool) {
	branch, first := txn.Then, 0
	r.Number = wire.TxnThen
	for i, c := range txn.If {
		holds, status := o.rangeHolds(&c), wire.StatusOK
		if c.Kind != wire.CondRange {
			holds, status = o.holds(c.Key, &c)
		}
		if status != wire.StatusOK {
			r.Status, r.Number, r.Version = status, int64(-1-i), 0
			return "", false
		}
		if !holds && r.Version == 0 {
			branch, first = txn.Else, len(txn.Then)
			r.Number, r.Version = wire.TxnElse, uint64(i+1)
		}
	}
	failed := r.Version
	r.Version = 0
	for i, op := range branch {
		one, status := o.doTxn(&op, r)
		data += one
		if status == wire.StatusOK && len(data) > wire.MaxTxnBytes+o.limits.MaxValueBytes {
			status = wire.StatusTooLarge
		}
		if status != wire.StatusOK {
			r.Status, r.Number = status, int64(first+i)
			return "", false
		}
	}
	r.Version = failed
	return data, true
}

// rangeHolds compares what is in a range.
func (o *oracle) rangeHolds(c *wire.Cond) bool {
	return c.Kind == wire.CondRange && o.rangeState(c.Key, c.Range.To, nil) == *c.Range
}

// rangeState lists the variables of a range, unless they are left out, and hashes the list.
func (o *oracle) rangeState(from, to string, without func(key string) bool) wire.RangeState {
	var list []byte
	state := wire.RangeState{To: to}
	for _, key := range slices.Sorted(maps.Keys(o.variables)) {
		if key >= from && (to == "" || key < to) && (without == nil || !without(key)) {
			state.Count++
			list = append(append(binary.AppendUvarint(list, uint64(len(key))), key...), binary.AppendUvarint(nil, o.variables[key].version)...)
		}
	}
	sum := sha256.Sum256(list)
	copy(state.Sum[:], sum[:])
	return state
}

func (o *oracle) holds(key string, c *wire.Cond) (bool, wire.Status) {
	value := ""
	if c.Kind == wire.CondValue {
		value = string(c.Value)
	}
	if status := o.possible(key, value); status != wire.StatusOK {
		return false, status
	}
	v, exists := o.variables[key]
	switch c.Kind {
	case wire.CondVersion:
		return v.version == c.Version, wire.StatusOK
	case wire.CondPresent:
		return exists, wire.StatusOK
	case wire.CondValue:
		return exists && v.value == value, wire.StatusOK
	}
	return true, wire.StatusOK
}

func (o *oracle) possible(key, value string) wire.Status {
	if key == "" || key[0] == 0 {
		return wire.StatusBadRequest
	}
	if len(key) > o.limits.MaxKeyBytes || len(value) > o.limits.MaxValueBytes {
		return wire.StatusTooLarge
	}
	return wire.StatusOK
}

func (o *oracle) doTxn(op *wire.TxnOp, r *wire.Result) (string, wire.Status) {
	holds, status := o.holds(op.Key, &op.If)
	if status != wire.StatusOK {
		return "", status
	}
	old, exists := o.variables[op.Key]
	if !holds {
		r.Version = old.version
		return "", wire.StatusConflict
	}
	if op.Ephemeral && !o.timed {
		return "", wire.StatusBadRequest
	}
	var result wire.TxnResult
	if exists {
		result.Has = wire.TxnFound
	}
	if exists && (op.Old || op.Kind == wire.TxnRead) {
		result.Has, result.Version, result.Value = wire.TxnFound|wire.TxnValue, old.version, []byte(old.value)
	}
	next := ""
	switch op.Kind {
	case wire.TxnPut:
		next = string(op.Value)
	case wire.TxnAppend:
		next = old.value + string(op.Value)
		result.Has, result.Number = result.Has|wire.TxnNumber, int64(len(next))
	case wire.TxnAdd:
		if !exists {
			old.value = "0"
		}
		number, err := strconv.ParseInt(old.value, 10, 64)
		if err != nil {
			return "", wire.StatusNotInteger
		}
		total := new(big.Int).Add(big.NewInt(number), big.NewInt(op.Delta))
		if !total.IsInt64() {
			return "", wire.StatusOverflow
		}
		next = total.String()
		result.Has, result.Number = result.Has|wire.TxnNumber, total.Int64()
	}
	if len(next) > o.limits.MaxValueBytes {
		return "", wire.StatusTooLarge
	}
	switch timer, timed := o.timers[op.Key]; op.Kind {
	case wire.TxnDelete:
		delete(o.variables, op.Key)
		delete(o.timers, op.Key)
		delete(o.owners, op.Key)
	case wire.TxnPersist:
		delete(o.timers, op.Key)
	case wire.TxnTTL:
		if exists {
			result.Has, result.Number = wire.TxnFound|wire.TxnNumber, wire.NoTTL
		}
		if timed && timer.deadline > 0 {
			result.Number = max(0, min(timer.deadline-o.clock, timer.ttl))
		} else if timed {
			result.Number = timer.ttl
		}
	case wire.TxnRead, wire.TxnExpire:
	default:
		o.variables[op.Key] = oracleVariable{next, o.position}
	}
	if _, exists := o.variables[op.Key]; exists && op.TTL > 0 {
		o.timers[op.Key] = oracleTimer{ttl: int64(op.TTL), set: o.position}
	} else if op.Kind == wire.TxnPut && !op.KeepTTL {
		delete(o.timers, op.Key)
	}
	if op.Ephemeral {
		o.owners[op.Key] = o.session
	} else if op.Kind == wire.TxnPut && !op.KeepTTL {
		delete(o.owners, op.Key)
	}
	return string(result.Append(nil)), wire.StatusOK
}
