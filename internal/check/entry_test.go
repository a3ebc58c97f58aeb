package check

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// The checks know what each write of the table does, and what of a history it is.
func TestEveryWriteIsKnown(t *testing.T) {
	for op := wire.Op(1); op.Valid(); op++ {
		v := variable{versions: []version{{position: 2, number: 7, numeric: true}}}
		e := Entry{Position: 3, Command: wire.Command{Op: op, Value: []byte("5"), Expect: 2, Delta: 1}, OK: true}
		if _, _, problem := v.apply(&e); (problem == "") != (op.IsWrite() && op != wire.OpTxn) { // see txn.go
			t.Errorf("versions.go, %s: %q", op, problem)
		}
		if of := wireOps[history.Kind(op.String())]; (of == op) != op.IsWrite() {
			t.Errorf("entry.go: a %s is carried out by %s", op, of)
		}
	}
	for kind, op := range map[history.Kind]wire.Op{
		history.Set: wire.OpSet, history.Delete: wire.OpDelete, history.Add: wire.OpAdd, history.CompareAndSet: wire.OpCompareAndSet, history.Txn: wire.OpTxn,
	} {
		if wireOps[kind] != op {
			t.Errorf("history/op.go: %s is carried out by %s, want %s", kind, wireOps[kind], op)
		}
	}
}
