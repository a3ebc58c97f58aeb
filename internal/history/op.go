package history

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Kind says what an operation of a client does. Its text is what the history
// shows.
type Kind string

// The kinds of operations.
const (
	Get           Kind = "get"
	GetStrong     Kind = "getstrong"
	Set           Kind = "set"
	Delete        Kind = "del"
	Add           Kind = "add"
	CompareAndSet Kind = "cas"
	Txn           Kind = "txn"   // of several variables: Key is empty, Value the encoded wire.Txn
	ReadRange     Kind = "scan"  // of the variables from Key on, as Op.Scan says
	CountRange    Kind = "count" // likewise, their number alone
)

// IsRead reports whether k leaves the memory as it is.
func (k Kind) IsRead() bool { return k.IsPlainRead() || k == GetStrong }

// IsPlainRead reports whether k is a read that may reflect less than was acknowledged to
// others before it began.
func (k Kind) IsPlainRead() bool { return k == Get || k.IsScan() }

// IsScan reports whether k is a read of a range.
func (k Kind) IsScan() bool { return k == ReadRange || k == CountRange }

// Status is what a client knows about the outcome of an operation.
type Status string

// The outcomes.
const (
	OK      Status = "ok"      // it was done
	Fail    Status = "fail"    // it certainly has no effect: a conflict, an absent variable, a refusal
	Unknown Status = "unknown" // it may take effect, or have taken effect, once or never
)

// Op is one operation of a client, complete.
type Op struct {
	Client   int    `json:"client"`
	Session  uint64 `json:"session"`
	Kind     Kind   `json:"op"`
	Key      string `json:"key"`
	Value    []byte `json:"value"`    // read or written; nil: absent, or none
	Version  uint64 `json:"version"`  // of the value read, or given to the write; 0 if none or unknown
	Position uint64 `json:"position"` // 0 if unknown
	Node     string `json:"node"`     // that answered; empty if unknown
	Start    int64  `json:"start"`    // nanoseconds on the clock of the run
	End      int64  `json:"end"`
	Status   Status `json:"status"`
	Expect   uint64 `json:"expect"` // cas: the version expected

	// What follows is for checks in the same process and is not written.

	Seq   uint64 `json:"-"` // number of the write in its session
	Delta int64  `json:"-"` // add; written as the value
	Sum   int64  `json:"-"` // add: the sum told; txn: the number of its result

	Results []byte `json:"-"` // txn: the results told, encoded
	Scan    *Scan  `json:"-"` // scan, count: what was asked for and shown; written as the value

	// Loose says that the write has no order with others that its client had under
	// way: somebody waits for each of them.
	Loose bool `json:"-"`

	// After, of a read, is the number of the last write that its session had issued
	// before it without waiting. 0: none.
	After uint64 `json:"-"`

	// Because says why a write with status Fail was refused.
	Because Refusal `json:"-"`
}

// Refusal is a reason for which a write has no effect.
type Refusal uint8

// The reasons that the order itself proves or refutes, and all others.
const (
	Refused    Refusal = iota // the node or the group would not do it
	Conflict                  // cas, txn: the version was another, or a condition did not hold
	NotFound                  // del: there was no such variable
	NotInteger                // add, txn: the value is no number
	Overflow                  // add, txn: the sum is no int64
	Quota                     // set, cas, add, txn: the variables together would exceed the quota
)

// Answered reports whether the group carried o out, or refused it for what the
// variables held. Such an answer always tells a position.
func (o *Op) Answered() bool {
	return o.Status == OK || o.Status == Fail && o.Because != Refused
}

// Append appends o as a line of the history.
func (o *Op) Append(dst []byte) []byte {
	dst = append(dst, `{"client":`...)
	dst = strconv.AppendInt(dst, int64(o.Client), 10)
	dst = append(dst, `,"session":`...)
	dst = strconv.AppendUint(dst, o.Session, 10)
	dst = append(dst, `,"op":"`...)
	dst = append(dst, o.Kind...)
	dst = append(dst, `","key":`...)
	dst = appendText(dst, o.Key)
	dst = append(dst, `,"value":`...)
	switch o.Kind {
	case Add:
		dst = appendNumber(dst, o.Delta)
	case Txn:
		dst = appendTxn(dst, o.Value)
	case ReadRange, CountRange:
		dst = appendScan(dst, o.Scan)
	default:
		dst = appendBase64(dst, o.Value)
	}
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendUint(dst, o.Version, 10)
	dst = append(dst, `,"position":`...)
	dst = strconv.AppendUint(dst, o.Position, 10)
	dst = append(dst, `,"node":`...)
	dst = appendText(dst, o.Node)
	dst = append(dst, `,"start":`...)
	dst = strconv.AppendInt(dst, o.Start, 10)
	dst = append(dst, `,"end":`...)
	dst = strconv.AppendInt(dst, o.End, 10)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, o.Status...)
	dst = append(dst, `","expect":`...)
	dst = strconv.AppendUint(dst, o.Expect, 10)
	return append(dst, '}', '\n')
}

// UnmarshalJSON reads an object as Append writes it.
func (o *Op) UnmarshalJSON(b []byte) error {
	type plain Op
	in := struct {
		*plain
		Key  text `json:"key"`
		Node text `json:"node"`
	}{plain: (*plain)(o)}
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("history: an operation cannot be read: %w", err)
	}
	o.Key, o.Node = string(in.Key), string(in.Node)
	switch o.Kind {
	case Add:
	case Txn:
		var err error
		o.Value, err = readTxn(o.Value)
		return err
	case ReadRange, CountRange:
		var err error
		o.Scan, err = readScan(o.Value)
		o.Value = nil
		return err
	default:
		return nil
	}
	delta, err := strconv.ParseInt(string(o.Value), 10, 64)
	if err != nil {
		return fmt.Errorf("history: the delta of an add cannot be read: %w", err)
	}
	o.Delta, o.Value = delta, nil
	return nil
}

// Writer writes a history.
type Writer struct{ lines lineWriter }

// NewWriter returns a Writer to w, which stays the caller's to close.
func NewWriter(w io.Writer) *Writer {
	return &Writer{lines: lineWriter{dst: w}}
}

// Write adds o. After an error it writes nothing more and returns the same
// error again.
func (w *Writer) Write(o *Op) error {
	return w.lines.end(o.Append(w.lines.buf))
}

// Close writes what is held back. It does not close what it writes to.
func (w *Writer) Close() error { return w.lines.flush() }
