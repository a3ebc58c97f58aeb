package history

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// everyTxn has each kind of operation and of condition, and a key that is no text.
var everyTxn = wire.Txn{
	If: []wire.Cond{
		{Kind: wire.CondVersion, Key: "a", Version: 0},
		{Kind: wire.CondVersion, Key: "b\xff", Version: 1 << 60},
		{Kind: wire.CondValue, Key: "c", Value: []byte("v")},
		{Kind: wire.CondValue, Key: "c"},
		{Kind: wire.CondPresent, Key: ""},
		{Kind: wire.CondRange, Key: "", Range: &wire.RangeState{To: "k\xff", Count: 3, Sum: wire.RangeSum{0: 1, 15: 0xff}}},
		{Kind: wire.CondRange, Key: "l", Range: &wire.RangeState{}},
	},
	Then: []wire.TxnOp{
		{Kind: wire.TxnPut, Key: "a", Value: []byte("w"), Old: true},
		{Kind: wire.TxnPut, Key: "a"},
		{Kind: wire.TxnDelete, Key: "a", If: wire.Cond{Kind: wire.CondPresent}},
		{Kind: wire.TxnAdd, Key: "n", Delta: -1 << 63, If: wire.Cond{Kind: wire.CondVersion}},
	},
	Else: []wire.TxnOp{
		{Kind: wire.TxnAppend, Key: "l", Value: []byte{0, 0xff}, If: wire.Cond{Kind: wire.CondValue}},
		{Kind: wire.TxnRead, Key: "l", If: wire.Cond{Kind: wire.CondVersion, Version: 5}},
		{Kind: wire.TxnPut, Key: "t", TTL: 1500, Old: true},
		{Kind: wire.TxnPut, Key: "t", KeepTTL: true},
		{Kind: wire.TxnAdd, Key: "t", Delta: 1, TTL: 1},
		{Kind: wire.TxnAppend, Key: "t", TTL: wire.MaxTTL},
		{Kind: wire.TxnExpire, Key: "t", TTL: 20, Old: true},
		{Kind: wire.TxnPersist, Key: "t", If: wire.Cond{Kind: wire.CondPresent}},
		{Kind: wire.TxnTTL, Key: "t"},
		{Kind: wire.TxnPut, Key: "e", Value: []byte("w"), Ephemeral: true},
		{Kind: wire.TxnAdd, Key: "e", Delta: 1, TTL: 5, Ephemeral: true},
		{Kind: wire.TxnAppend, Key: "e", Ephemeral: true},
	},
}

// A transaction is read as it was written, in a history and in a delivery log.
func TestTxnRoundTrip(t *testing.T) {
	encoded := everyTxn.Append(nil)
	op := Op{Kind: Txn, Value: encoded, Status: OK}
	var got Op
	if err := json.Unmarshal(op.Append(nil), &got); err != nil || !bytes.Equal(got.Value, encoded) {
		t.Errorf("% x, want % x, %v", got.Value, encoded, err)
	}
	var out bytes.Buffer
	l := NewDeliveryLog(&out)
	malformed := wire.Command{Op: wire.OpTxn, Session: 7, Seq: 2, Floor: 2, Value: []byte("no transaction")}
	err := errors.Join(l.Deliver(delivery(wire.Command{Op: wire.OpTxn, Session: 7, Seq: 1, Floor: 1, Value: encoded}, malformed)), l.Close())
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
		var e Entry
		want := [][]byte{encoded, nil}[i]
		if err := json.Unmarshal(line, &e); err != nil || e.Key != "" || !bytes.Equal(e.Value, want) {
			t.Errorf("line %d: % x, want % x, %v", i, e.Value, want, err)
		}
	}
}

// What other programs read.
func TestTxnFormat(t *testing.T) {
	const want = `{"if":[{"key":"YQ==","version":0},{"key":"Yv8=","version":1152921504606846976},{"key":"Yw==","value":"dg=="},{"key":"Yw==","value":""},{"present":true},` +
		`{"range":{"to":"a/8=","count":3,"sum":"AQAAAAAAAAAAAAAAAAAA/w=="}},{"key":"bA==","range":{"count":0,"sum":"AAAAAAAAAAAAAAAAAAAAAA=="}}],` +
		`"then":[{"op":"put","key":"YQ==","value":"dw==","old":true},{"op":"put","key":"YQ=="},{"op":"del","key":"YQ==","if":{"present":true}},` +
		`{"op":"inc","key":"bg==","delta":-9223372036854775808,"if":{"version":0}}],` +
		`"else":[{"op":"app","key":"bA==","value":"AP8=","if":{"value":""}},{"op":"read","key":"bA==","if":{"version":5}},` +
		`{"op":"put","key":"dA==","old":true,"ttl":1500},{"op":"put","key":"dA==","keep":true},{"op":"inc","key":"dA==","delta":1,"ttl":1},` +
		`{"op":"app","key":"dA==","ttl":3153600000000},{"op":"expire","key":"dA==","old":true,"ttl":20},` +
		`{"op":"persist","key":"dA==","if":{"present":true}},{"op":"ttl","key":"dA=="},` +
		`{"op":"put","key":"ZQ==","value":"dw==","ephemeral":true},{"op":"inc","key":"ZQ==","delta":1,"ttl":5,"ephemeral":true},` +
		`{"op":"app","key":"ZQ==","ephemeral":true}]}`
	text, err := base64.StdEncoding.DecodeString(strings.Trim(string(appendTxn(nil, everyTxn.Append(nil))), `"`))
	if err != nil || string(text) != want {
		t.Errorf("%s\nwant\n%s\n%v", text, want, err)
	}
	for _, text := range []string{
		"", "{", `{"when":[]}`, `{"then":[{"op":"twist","key":"YQ=="}]}`, `{"then":[{"op":"read","key":"YQ==","old":true}]}`,
		`{"then":[{"op":"expire","key":"YQ=="}]}`, `{"then":[{"op":"persist","key":"YQ==","ttl":1}]}`, `{"then":[{"op":"inc","key":"YQ==","keep":true}]}`,
		`{"then":[{"op":"del","key":"YQ==","ephemeral":true}]}`, `{"then":[{"op":"put","key":"YQ==","keep":true,"ephemeral":true}]}`,
	} {
		if _, err := readTxn([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
