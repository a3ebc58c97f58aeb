package main

import (
	"encoding/base64"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// The names that this program has of its own are those of the table of operations, and it
// knows what each write does.
func TestEveryWriteIsKnown(t *testing.T) {
	for op := wire.Op(1); op.Valid(); op++ {
		value := "NQ=="
		if op == wire.OpTxn { // which puts 5 into k
			value = base64.StdEncoding.EncodeToString([]byte(`{"if":[],"then":[{"op":"put","key":"aw==","value":"NQ=="}],"else":[]}`))
		}
		if op == wire.OpOpenTimed || op == wire.OpOpenLocked {
			value = "MTAw"
		}
		e := delivered{Pos: 3, Op: op.String(), Key: "k", Value: &value, Expect: 2, OK: true}
		if e.writes() != op.IsWrite() {
			t.Errorf("read.go: that %s writes is %v", op, e.writes())
		}
		v := verdict{}
		v.replay(&order{first: 2, last: 3, entries: map[uint64]*delivered{2: {Pos: 2, Op: "set", Key: "k", Value: &value, OK: true}, 3: &e}})
		if v.count != 0 {
			t.Errorf("reads.go, %s: %v", op, v.texts)
		}
	}
	v, value := verdict{}, "NQ=="
	v.replay(&order{first: 3, last: 3, entries: map[uint64]*delivered{3: {Pos: 3, Op: "tick", Key: "k", Value: &value, OK: true}}})
	if v.count != 0 {
		t.Errorf("what is no write: %v", v.texts)
	}
}
