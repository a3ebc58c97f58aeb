package oracle

import (
	"fmt"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// The oracle and the model of a variable know each operation of the table.
func TestEveryOperationIsKnown(t *testing.T) {
	for op := wire.Op(1); op.Valid(); op++ {
		o := New(Config{Fail: func(format string, args ...any) {
			t.Errorf("oracle.go, %s: %s", op, fmt.Sprintf(format, args...))
		}, SessionTTL: 1e9, Tick: 1e9, Counts: &Counts{}, MaxClientSessions: 1})
		o.Command(1, &wire.Command{Op: wire.OpOpenSession}, &wire.Result{Position: 1}, nil)
		o.Command(2, &wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: []byte("7")}, &wire.Result{Position: 2}, nil)
		c := wire.Command{Op: op, Session: 1, Seq: 2, Floor: 1, Key: "k", Value: []byte("5"), Expect: 2, Delta: 1}
		want := wire.Result{Position: 3}
		if op == wire.OpAdd {
			want.Number = 8
		}
		if op == wire.OpOpenTimed || op == wire.OpOpenLocked {
			c.Delta = 100
		}
		var data []byte
		if op == wire.OpTxn {
			c.Key, c.Value = "", (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "k", Delta: 1}}}).Append(nil)
			want.Number = wire.TxnThen
			data = (&wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: 8}).Append(nil)
		}
		o.Command(3, &c, &want, data)
		if at := o.executed[write{1, 2}].position; (at == 3) != op.IsWrite() {
			t.Errorf("oracle.go: %s is executed at %d", op, at)
		}
		if !op.IsWrite() {
			continue
		}
		call := history.Op{
			Kind: history.Kind(op.String()), Value: c.Value, Expect: 2, Delta: 1, Position: 3, Sum: 8, Status: history.OK,
			Results: data,
		}
		if op == wire.OpTxn {
			call.Key, call.Sum = "k", wire.TxnThen
		}
		if ok, _ := linear(&call, &register{exists: true, value: "7", version: 2}); !ok {
			t.Errorf("linear.go does not follow %s", op)
		}
	}
}
