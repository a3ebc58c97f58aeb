package history

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// A transaction stands in the files as a JSON object, which is the value of its line. So
// who reads the files needs no decoder of dsm's own encoding. Keys and values are in
// base64, since they need not be text.
type txn struct {
	If   []cond  `json:"if"`
	Then []txnOp `json:"then"`
	Else []txnOp `json:"else"`
}

// cond has one of Version, Value, Present and Range. That of an operation has no key.
type cond struct {
	Key     []byte      `json:"key,omitempty"`
	Version *uint64     `json:"version,omitempty"`
	Value   *[]byte     `json:"value,omitempty"`
	Present bool        `json:"present,omitempty"`
	Range   *rangeState `json:"range,omitempty"`
}

// rangeState is what the variables from the condition's key on and below To are: how many, and
// the first 16 bytes of the SHA-256 of the length of each key, the key and the version, with
// numbers as unsigned varints.
type rangeState struct {
	To    []byte `json:"to,omitempty"` // none: without an upper bound
	Count uint64 `json:"count"`
	Sum   []byte `json:"sum"`
}

type txnOp struct {
	Op    string `json:"op"`
	Key   []byte `json:"key"`
	Value []byte `json:"value,omitempty"` // put, app
	Delta int64  `json:"delta,omitempty"` // inc
	Old   bool   `json:"old,omitempty"`
	If    *cond  `json:"if,omitempty"`
	TTL   uint64 `json:"ttl,omitempty"`  // in milliseconds, of put, inc, app, and expire
	Keep  bool   `json:"keep,omitempty"` // put: the TTL stays, and the owner

	Ephemeral bool `json:"ephemeral,omitempty"` // put, inc, app: the session becomes the owner
}

// txnOps has the names of the operations.
var txnOps = map[wire.TxnKind]string{
	wire.TxnPut: "put", wire.TxnDelete: "del", wire.TxnAdd: "inc", wire.TxnAppend: "app", wire.TxnRead: "read",
	wire.TxnExpire: "expire", wire.TxnPersist: "persist", wire.TxnTTL: "ttl",
}

// appendTxn appends the object of an encoded transaction, in base64, and that of null if it
// is none.
func appendTxn(dst, encoded []byte) []byte {
	var t wire.Txn
	if t.Decode(encoded) != nil {
		return appendBase64(dst, []byte("null"))
	}
	out := txn{If: []cond{}, Then: opsOf(t.Then), Else: opsOf(t.Else)}
	for i := range t.If {
		c := condOf(&t.If[i])
		c.Key = []byte(t.If[i].Key)
		out.If = append(out.If, *c)
	}
	text, err := json.Marshal(&out)
	if err != nil {
		panic(err) // structs of bytes and numbers
	}
	return appendBase64(dst, text)
}

func opsOf(ops []wire.TxnOp) []txnOp {
	out := make([]txnOp, 0, len(ops))
	for i := range ops {
		o := &ops[i]
		out = append(out, txnOp{
			Op: txnOps[o.Kind], Key: []byte(o.Key), Value: o.Value, Delta: o.Delta, Old: o.Old, If: condOf(&o.If),
			TTL: o.TTL, Keep: o.KeepTTL, Ephemeral: o.Ephemeral,
		})
	}
	return out
}

func condOf(c *wire.Cond) *cond {
	switch c.Kind {
	case wire.CondVersion:
		return &cond{Version: &c.Version}
	case wire.CondValue:
		value := append([]byte{}, c.Value...)
		return &cond{Value: &value}
	case wire.CondPresent:
		return &cond{Present: true}
	case wire.CondRange:
		return &cond{Range: &rangeState{To: []byte(c.Range.To), Count: c.Range.Count, Sum: c.Range.Sum[:]}}
	case wire.CondNone:
	}
	return nil
}

// readTxn returns the encoding of the transaction whose object text is, nil for null.
func readTxn(text []byte) ([]byte, error) {
	if string(text) == "null" {
		return nil, nil
	}
	var in txn
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("history: a transaction cannot be read: %w", err)
	}
	var t wire.Txn
	for i := range in.If {
		c := wireCond(&in.If[i])
		c.Key = string(in.If[i].Key)
		t.If = append(t.If, c)
	}
	t.Then, t.Else = wireOps(in.Then), wireOps(in.Else)
	encoded := t.Append(nil)
	if err := new(wire.Txn).Decode(encoded); err != nil {
		return nil, fmt.Errorf("history: a transaction cannot be read: %w", err)
	}
	return encoded, nil
}

func wireOps(ops []txnOp) []wire.TxnOp {
	var out []wire.TxnOp
	for i := range ops {
		o := &ops[i]
		w := wire.TxnOp{
			Key: string(o.Key), Value: o.Value, Delta: o.Delta, Old: o.Old, If: wireCond(o.If),
			TTL: o.TTL, KeepTTL: o.Keep, Ephemeral: o.Ephemeral,
		}
		for kind, name := range txnOps {
			if name == o.Op {
				w.Kind = kind
			}
		}
		out = append(out, w)
	}
	return out
}

func wireCond(c *cond) wire.Cond {
	switch {
	case c == nil:
		return wire.Cond{}
	case c.Version != nil:
		return wire.Cond{Kind: wire.CondVersion, Version: *c.Version}
	case c.Value != nil:
		return wire.Cond{Kind: wire.CondValue, Value: *c.Value}
	case c.Range != nil:
		state := wire.RangeState{To: string(c.Range.To), Count: c.Range.Count}
		copy(state.Sum[:], c.Range.Sum)
		return wire.Cond{Kind: wire.CondRange, Range: &state}
	default:
		return wire.Cond{Kind: wire.CondPresent}
	}
}
