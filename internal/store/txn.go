package store

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A transaction is carried out on cells, one for each variable that it names, in the order
// in which it first names them. Nothing of the store changes until all of it has been done;
// then the cells that were written become versions, all of the transaction's position. So
// a transaction of n operations takes n look-ups, whatever it does.

// txnRun carries out transactions, one after the other. It belongs to a store, and is used
// again.
type txnRun struct {
	txn   wire.Txn
	hash  wire.RangeHash
	cells []txnCell
	index map[string]int // of cells, once there are more than scannedCells
	data  []byte         // the results of the operations that were done
	loads int            // bytes of values that existed and were looked at

	session *session // whose transaction it is
}

// txnCell is a variable as the transaction sees it.
type txnCell struct {
	key     string // aliases the command
	entry   *entry
	old     *version // before the transaction, nil: it did not exist
	met     bool     // its value was compared with its hash
	written bool
	exists  bool
	timing  timing
	ttl     uint64 // if timing is timed: what the variable is to have
	owning  owning
	version uint64 // 0: it does not exist
	value   []byte // if it is written: aliases the command, or space
	space   []byte // of the cell, for values that the transaction computes
	owned   bool   // value is in space
}

// timing is what a transaction does to the TTL of a variable.
type timing uint8

const (
	untouched timing = iota
	untimed          // it has none any more
	timed
)

// owning is what a transaction does to the owner of a variable.
type owning uint8

const (
	sameOwner owning = iota
	noOwner
	ownSession
)

// Bounds of what is used again, and of what a transaction may look at.
const (
	scannedCells = 8 // are found by comparing keys
	keptCells    = 256
	keptSpace    = 64 << 10 // bytes, of each cell and of the results

	// maxTxnLoads bounds the values that a transaction looks at, in bytes, beside one
	// value of any length: they must be hashed and copied while nothing else is done.
	maxTxnLoads = 16 * wire.MaxTxnBytes
)

// maxTxnData bounds the results of one transaction, in bytes.
func (l *Limits) maxTxnData() int { return wire.MaxTxnBytes + l.MaxValueBytes }

// maxSessionData bounds the results of all transactions of a session that are recorded.
func (l *Limits) maxSessionData() int { return 2 * l.maxTxnData() }

// applyTxn executes a transaction of a session that has been admitted.
func (s *Store) applyTxn(position uint64, c *wire.Command, sess *session) (wire.Result, bool) {
	t := &s.txn
	defer t.reset()
	t.session = sess
	result := t.run(s, position, c.Value)
	done := result.Status == wire.StatusOK
	if done && sess.dataBytes+len(t.data) > s.limits.maxSessionData() {
		return wire.Result{Status: wire.StatusTooManyResults, Position: position}, false
	}
	done = done && t.allows(s, &result)
	if done || planted.On(planted.TxnHalfDone) {
		t.commit(s, position)
	}
	s.sessions.record(sess, c.Seq, result)
	if done && len(t.data) > 0 {
		data := bytes.Clone(t.data)
		s.sessions.recordData(sess, c.Seq, data)
		s.out.addData(data)
	}
	return result, done
}

// run evaluates the conditions and does the operations of a branch on the cells.
func (t *txnRun) run(s *Store, position uint64, encoded []byte) wire.Result {
	failed := func(status wire.Status, number int64) wire.Result {
		return wire.Result{Status: status, Position: position, Number: number}
	}
	if err := t.txn.Decode(encoded); errors.Is(err, wire.ErrTxnTooLarge) {
		return failed(wire.StatusTooLarge, wire.TxnWhole)
	} else if err != nil {
		return failed(wire.StatusBadRequest, wire.TxnWhole)
	}
	first := 0 // number of the first condition that does not hold, from 1
	for i := range t.txn.If {
		holds, status := t.condition(s, &t.txn.If[i])
		if status != wire.StatusOK {
			return failed(status, -1-int64(i))
		}
		if !holds && first == 0 {
			first = i + 1
		}
	}
	then := first == 0 || planted.On(planted.TxnIfIgnored)
	number := int64(0)
	if !then {
		number = int64(len(t.txn.Then))
	}
	ops := t.txn.Branch(then)
	for i := range ops {
		if status, present := t.do(s, position, &ops[i]); status != wire.StatusOK {
			result := failed(status, number+int64(i))
			result.Version = present
			return result
		}
	}
	if then {
		return wire.Result{Position: position, Number: wire.TxnThen}
	}
	return wire.Result{Position: position, Number: wire.TxnElse, Version: uint64(first)}
}

// condition reports whether a condition of If holds.
func (t *txnRun) condition(s *Store, c *wire.Cond) (bool, wire.Status) {
	if c.Kind == wire.CondRange {
		return s.variables.rangeHolds(&t.hash, c), wire.StatusOK
	}
	cell, status := t.find(s, c.Key)
	if status != wire.StatusOK {
		return false, status
	}
	return t.holds(s, cell, c)
}

// find returns the cell of a key. It is valid until the next call.
func (t *txnRun) find(s *Store, key string) (*txnCell, wire.Status) {
	if len(t.cells) <= scannedCells {
		for i := range t.cells {
			if t.cells[i].key == key {
				return &t.cells[i], wire.StatusOK
			}
		}
	} else if i, found := t.index[key]; found {
		return &t.cells[i], wire.StatusOK
	}
	if status := s.limits.checkVariable(key, nil); status != wire.StatusOK {
		return nil, status
	}
	return t.add(s, key), wire.StatusOK
}

// add makes the cell of a key that has none.
func (t *txnRun) add(s *Store, key string) *txnCell {
	n := len(t.cells)
	if n < cap(t.cells) {
		t.cells = t.cells[:n+1]
	} else {
		t.cells = append(t.cells, txnCell{})
	}
	cell := &t.cells[n]
	e, old := s.variables.find(key)
	*cell = txnCell{key: key, entry: e, old: old, space: cell.space[:0]}
	if old != nil {
		cell.exists, cell.version = true, old.position
	}
	switch {
	case n < scannedCells:
	case n == scannedCells:
		if t.index == nil {
			t.index = make(map[string]int)
		}
		for i := range t.cells {
			t.index[t.cells[i].key] = i
		}
	default:
		t.index[key] = n
	}
	return cell
}

// load returns the value of a cell, nil if the variable does not exist.
func (t *txnRun) load(s *Store, cell *txnCell) ([]byte, wire.Status) {
	if cell.written || cell.old == nil {
		return cell.value, wire.StatusOK
	}
	if !cell.met {
		cell.met = true
		t.loads += int(cell.old.size)
		if t.loads > maxTxnLoads+s.limits.MaxValueBytes {
			return nil, wire.StatusTooLarge
		}
		s.meets(cell.entry, cell.old)
	}
	return cell.old.value(), wire.StatusOK
}

// holds reports whether a condition on a cell holds.
func (t *txnRun) holds(s *Store, cell *txnCell, c *wire.Cond) (bool, wire.Status) {
	switch c.Kind {
	case wire.CondVersion:
		return cell.version == c.Version, wire.StatusOK
	case wire.CondPresent:
		return cell.exists, wire.StatusOK
	case wire.CondValue:
		if status := s.limits.checkVariable(cell.key, c.Value); status != wire.StatusOK {
			return false, status
		}
		if !cell.exists {
			return false, wire.StatusOK
		}
		value, status := t.load(s, cell)
		return bytes.Equal(value, c.Value), status
	case wire.CondNone, wire.CondRange:
	}
	return true, wire.StatusOK
}

// do does an operation on its cell. If its condition does not hold, it returns the
// version that the variable has.
func (t *txnRun) do(s *Store, position uint64, o *wire.TxnOp) (status wire.Status, present uint64) {
	cell, status := t.find(s, o.Key)
	if status != wire.StatusOK {
		return status, 0
	}
	holds, status := t.holds(s, cell, &o.If)
	if status == wire.StatusOK && !holds {
		return wire.StatusConflict, cell.version
	}
	var value []byte // from before
	if status == wire.StatusOK && cell.exists && (o.Old || o.Kind == wire.TxnRead || o.Kind == wire.TxnAdd || o.Kind == wire.TxnAppend) {
		value, status = t.load(s, cell)
	}
	if status != wire.StatusOK {
		return status, 0
	}
	if o.Ephemeral && t.session.ttl == 0 {
		return wire.StatusBadRequest, 0
	}
	result := wire.TxnResult{}
	switch o.Kind {
	case wire.TxnPut:
		status = s.limits.checkVariable(o.Key, o.Value)
	case wire.TxnAdd:
		result.Has = wire.TxnNumber
		result.Number, status = sum(value, cell.exists, o.Delta)
	case wire.TxnAppend:
		result.Has, result.Number = wire.TxnNumber, int64(len(value)+len(o.Value))
		if len(value)+len(o.Value) > s.limits.MaxValueBytes {
			status = wire.StatusTooLarge
		}
	case wire.TxnTTL:
		if cell.exists {
			result.Has, result.Number = wire.TxnNumber, cell.left(s)
		}
	case wire.TxnDelete, wire.TxnRead, wire.TxnExpire, wire.TxnPersist:
	}
	if status != wire.StatusOK {
		return status, 0
	}
	if cell.exists {
		result.Has |= wire.TxnFound
		if o.Old || o.Kind == wire.TxnRead {
			result.Has |= wire.TxnValue
			result.Version, result.Value = cell.version, value
		}
	}
	if len(t.data)+len(result.Value) > s.limits.maxTxnData() {
		return wire.StatusTooLarge, 0
	}
	if t.data = result.Append(t.data); len(t.data) > s.limits.maxTxnData() {
		return wire.StatusTooLarge, 0
	}
	cell.change(position, o, value, result.Number)
	return wire.StatusOK, 0
}

// change does the operation, which was found to be possible. value is what the variable
// holds, and sum what it is to hold after a TxnAdd.
func (c *txnCell) change(position uint64, o *wire.TxnOp, value []byte, sum int64) {
	if o.TTL > 0 && (c.exists || o.Kind != wire.TxnExpire) {
		c.timing, c.ttl = timed, o.TTL
	}
	if o.Ephemeral {
		c.owning = ownSession
	}
	switch o.Kind {
	case wire.TxnRead, wire.TxnTTL, wire.TxnExpire:
		return
	case wire.TxnPersist:
		c.timing = untimed
		return
	case wire.TxnDelete:
		if c.exists {
			c.written, c.exists, c.version, c.value, c.owned = true, false, 0, nil, false
			c.timing, c.owning = untimed, noOwner
		}
		return
	case wire.TxnPut:
		if o.TTL == 0 && !o.KeepTTL {
			c.timing = untimed
		}
		if !o.Ephemeral && !o.KeepTTL {
			c.owning = noOwner
		}
		c.value, c.owned = o.Value, false
	case wire.TxnAdd:
		c.space = strconv.AppendInt(c.space[:0], sum, 10)
		c.value, c.owned = c.space, true
	case wire.TxnAppend:
		if !c.owned {
			c.space = append(c.space[:0], value...) // once, however many more are appended
		}
		c.space = append(c.space, o.Value...)
		c.value, c.owned = c.space, true
	}
	c.written, c.exists, c.version = true, true, position
}

// commit writes the cells to the store.
func (t *txnRun) commit(s *Store, position uint64) {
	for i := range t.cells {
		switch c := &t.cells[i]; {
		case !c.written:
		case c.exists:
			c.entry = s.variables.set(c.entry, c.key, c.value, position)
		case c.old != nil:
			s.variables.remove(c.entry, position)
		}
		if c := &t.cells[i]; c.exists {
			c.time(s, position)
			c.own(s, t.session.id)
		}
	}
}

// own does to the owner of a cell's variable, which exists, what the transaction asks for.
func (c *txnCell) own(s *Store, session uint64) {
	switch c.owning {
	case ownSession:
		s.variables.owners.set(c.entry, session)
	case noOwner:
		s.variables.owners.clear(c.entry)
	case sameOwner:
	}
}

// time does to the timer of a cell's variable, which exists, what the transaction asks for.
func (c *txnCell) time(s *Store, position uint64) {
	switch c.timing {
	case timed:
		s.variables.timers.set(c.entry, c.ttl, position, s.sessions.clock)
	case untimed:
		s.variables.timers.clear(c.entry)
	case untouched:
	}
}

// left returns what is left of the TTL of a cell's variable, which exists, in milliseconds,
// and wire.NoTTL without one.
func (c *txnCell) left(s *Store) int64 {
	switch c.timing {
	case timed:
		return int64(c.ttl)
	case untimed:
		return wire.NoTTL
	case untouched:
	}
	if c.old != nil {
		if millis, ok := s.variables.timers.left(c.entry, s.sessions.clock); ok {
			return int64(millis)
		}
	}
	return wire.NoTTL
}

// reset lets go of a transaction, and of what is too large to be kept for the next.
func (t *txnRun) reset() {
	t.txn.Reset()
	for i := range t.cells {
		space := t.cells[i].space
		if cap(space) > keptSpace {
			space = nil
		}
		t.cells[i] = txnCell{space: space}
	}
	if len(t.cells) > keptCells {
		t.cells, t.index = nil, nil
	} else {
		if len(t.cells) > scannedCells {
			clear(t.index)
		}
		t.cells = t.cells[:0]
	}
	if t.data = t.data[:0]; cap(t.data) > keptSpace {
		t.data = nil
	}
	t.loads, t.session = 0, nil
}
