package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TxnRequest fills r with a transaction.
func TxnRequest(r *Request, t *wire.Txn) { *r = Request{Kind: history.Txn, Value: t.Append(nil)} }

// Done reports whether the answer to a transaction says that the branch Then was done.
func (a *Answer) Done() bool { return a.Status == history.OK && a.Sum == wire.TxnThen }

// Conflicts reports whether the answer says that a condition of a compare-and-set, or of a
// transaction without Else, did not hold.
func (a *Answer) Conflicts(r *Request) bool {
	if a.Status == history.Fail {
		return a.Because == history.Conflict
	}
	return r.Kind == history.Txn && a.Status == history.OK && a.Sum == wire.TxnElse
}

// transact does a transaction through the driver.
func (s *driverSession) transact(r *Request, a *Answer) error {
	var t wire.Txn
	if err := t.Decode(r.Value); err != nil {
		panic(fmt.Sprintf("load: a transaction that cannot be decoded: %v", err))
	}
	txn := s.conn.Txn(s.traced)
	for i := range t.If {
		txn.If(driver.When(t.If[i].Key, optionOf(&t.If[i])...))
	}
	result, err := txn.Then(opsOf(t.Then)...).Else(opsOf(t.Else)...).Commit()
	if err != nil {
		return err
	}
	a.Version, a.Sum = result.Position, wire.TxnElse
	if result.Then {
		a.Sum = wire.TxnThen
	}
	a.Results = appendResults(t.Branch(result.Then), result.Ops)
	return nil
}

// optionOf is a condition as the driver takes it.
func optionOf(c *wire.Cond) []driver.WriteOption {
	switch c.Kind {
	case wire.CondVersion:
		return []driver.WriteOption{driver.IfVersion(c.Version)}
	case wire.CondValue:
		return []driver.WriteOption{driver.IfValue(c.Value)}
	case wire.CondPresent:
		return []driver.WriteOption{driver.IfPresent}
	case wire.CondNone:
	}
	return nil
}

// opsOf are operations as the driver takes them.
func opsOf(list []wire.TxnOp) (ops []driver.Op) {
	for i := range list {
		o := &list[i]
		options := optionOf(&o.If)
		if o.Old {
			options = append(options, driver.ReturnOld)
		}
		ttl := time.Duration(o.TTL) * time.Millisecond
		switch {
		case o.KeepTTL:
			options = append(options, driver.KeepTTL)
		case ttl > 0 && o.Kind != wire.TxnExpire:
			options = append(options, driver.TTL(ttl))
		}
		switch o.Kind {
		case wire.TxnPut:
			ops = append(ops, driver.Put(o.Key, o.Value, options...))
		case wire.TxnDelete:
			ops = append(ops, driver.Del(o.Key, options...))
		case wire.TxnAdd:
			ops = append(ops, driver.Inc(o.Key, o.Delta, options...))
		case wire.TxnAppend:
			ops = append(ops, driver.App(o.Key, o.Value, options...))
		case wire.TxnRead:
			ops = append(ops, driver.Read(o.Key, options...))
		case wire.TxnExpire:
			ops = append(ops, driver.Expire(o.Key, ttl, options...))
		case wire.TxnPersist:
			ops = append(ops, driver.Persist(o.Key, options...))
		case wire.TxnTTL:
			ops = append(ops, driver.Left(o.Key, options...))
		}
	}
	return ops
}

// appendResults encodes what the driver says that the operations of a branch did, for the
// history.
func appendResults(ops []wire.TxnOp, results []driver.OpResult) []byte {
	encoded := []byte{} // of no operations: nothing, and not unknown
	for i := range results {
		one, r := wire.TxnResult{Number: results[i].Number}, &results[i]
		if r.Found {
			one.Has |= wire.TxnFound
		}
		if r.Value.Version != 0 {
			one.Has |= wire.TxnValue
			one.Version, one.Value = r.Value.Version, r.Value.Data
		}
		if kind := ops[i].Kind; kind == wire.TxnAdd || kind == wire.TxnAppend || kind == wire.TxnTTL && r.Found {
			one.Has |= wire.TxnNumber
		}
		encoded = one.Append(encoded)
	}
	return encoded
}

// judgeTxn says what a transaction's error means for its outcome. One that could not be done
// for what a variable held has the number of that operation, and the variable's version.
func judgeTxn(r *Request, a *Answer, err error) {
	judgeWrite(a, err)
	var failed *driver.TxnError
	if a.Status != history.Fail || a.Because == history.Refused || !errors.As(err, &failed) {
		return
	}
	a.Sum = int64(failed.Op)
	if failed.Else {
		var t wire.Txn
		if t.Decode(r.Value) == nil {
			a.Sum += int64(len(t.Then))
		}
	}
	var conflict *driver.ConflictError
	if errors.As(err, &conflict) {
		a.Version = conflict.Version
	}
}
