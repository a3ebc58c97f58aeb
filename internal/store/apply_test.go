package store

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Each operation of the table does something, and only those of the table do.
func TestEveryOperationIsApplied(t *testing.T) {
	for op := wire.Op(1); op.Valid(); op++ {
		f := newFeeder(t, Limits{})
		session := f.open()
		f.want(wire.StatusOK, set(session, 1, 1, "k", "7"))
		audit := f.want(wire.StatusOK, auditOf("k")).Position
		c := wire.Command{Op: op, Session: session, Seq: 2, Floor: 1, Key: "k", Value: make([]byte, 8), Expect: 2, Delta: 1}
		switch op {
		case wire.OpAudit:
			c = auditOf("k")
		case wire.OpAuditVote:
			c.Expect = audit
		case wire.OpTxn:
			c.Value = (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "k", Delta: 1}}}).Append(nil)
		case wire.OpClock:
			c.Expect = 1
		case wire.OpQuota:
			c.Expect, c.Delta = 2, 100
		case wire.OpOpenTimed:
			c.Value, c.Delta = []byte("address"), 100
		case wire.OpOpenLocked:
			c.Value, c.Delta = wire.AppendLocked(nil, wire.Lock{1}, "address"), 0
		case wire.OpOpenSession:
			c.Value = []byte("address")
		}
		if r, effect := f.apply(c); r.Status != wire.StatusOK || !effect {
			t.Errorf("apply.go does not know %s: %+v", op, r)
		}
	}
	s := New(Limits{})
	for _, op := range []wire.Op{0, wire.OpOpenLocked + 1, 255} {
		if r, effect := s.apply(1, &wire.Command{Op: op}); r.Status != wire.StatusBadRequest || effect {
			t.Errorf("%s: %+v", op, r)
		}
		if r := s.write(1, &wire.Command{Op: op, Key: "k"}); r.Status != wire.StatusBadRequest {
			t.Errorf("%s as a write: %+v", op, r)
		}
	}
}
