package history

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Entry is one command as a node delivered it.
type Entry struct {
	Position uint64 `json:"pos"`
	View     uint64 `json:"view"`   // where it was delivered
	Sender   string `json:"sender"` // id#incarnation
	Seq      uint64 `json:"seq"`    // of the message that carried it, in (view, sender)
	Op       string `json:"op"`
	Key      string `json:"key"`
	Value    []byte `json:"value"` // nil: none
	Session  uint64 `json:"session"`
	SSeq     uint64 `json:"sseq"` // number of the write in its session
	Expect   uint64 `json:"expect"`
	OK       bool   `json:"ok"` // it took effect
}

// UnmarshalJSON reads an object as a DeliveryLog writes it.
func (e *Entry) UnmarshalJSON(b []byte) error {
	type plain Entry
	in := struct {
		*plain
		Key    text `json:"key"`
		Sender text `json:"sender"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("history: a delivery cannot be read: %w", err)
	}
	e.Key, e.Sender = string(in.Key), string(in.Sender)
	if e.Op != wire.OpTxn.String() {
		return nil
	}
	var err error
	e.Value, err = readTxn(e.Value)
	return err
}

// DeliveryLog writes what one node delivers.
type DeliveryLog struct {
	lines  lineWriter
	common []byte // the fields that the commands of a message share
}

// NewDeliveryLog returns a DeliveryLog that writes to w, which stays the
// caller's to close.
func NewDeliveryLog(w io.Writer) *DeliveryLog {
	return &DeliveryLog{lines: lineWriter{dst: w}}
}

// Deliver adds the commands of d, and keeps nothing of it. A delivery that
// cannot be decoded is an error that wraps [wire.ErrMalformed], and nothing of
// it is written. After an error of the writer nothing more is written, and the
// same error is returned again.
func (l *DeliveryLog) Deliver(d *wire.Delivery) error {
	if len(d.Effects) != (d.Count+7)/8 {
		return fmt.Errorf("history: effects of the message at position %d: %w", d.First, wire.ErrMalformed)
	}
	l.common = append(l.common[:0], `,"view":`...)
	l.common = strconv.AppendUint(l.common, d.View, 10)
	l.common = append(l.common, `,"sender":`...)
	l.common = appendText(l.common, d.Sender+"#"+strconv.FormatUint(d.Incarnation, 10))
	l.common = append(l.common, `,"seq":`...)
	l.common = strconv.AppendUint(l.common, d.Seq, 10)

	out, rest := l.lines.buf, d.Payload
	for i := range d.Count {
		cmd, after, err := wire.DecodeCommand(rest)
		if err != nil {
			return fmt.Errorf("history: command %d of the message at position %d: %w", i, d.First, err)
		}
		out = l.appendCommand(out, d.First+uint64(i), &cmd, d.Effect(i))
		rest = after
	}
	if len(rest) > 0 {
		return fmt.Errorf("history: %d bytes after the message at position %d: %w", len(rest), d.First, wire.ErrMalformed)
	}
	return l.lines.end(out)
}

// Flush writes what is held back, so that others can read it.
func (l *DeliveryLog) Flush() error { return l.lines.flush() }

// Close writes what is held back. It does not close what it writes to.
func (l *DeliveryLog) Close() error { return l.lines.flush() }

func (l *DeliveryLog) appendCommand(dst []byte, position uint64, cmd *wire.Command, effect bool) []byte {
	dst = append(dst, `{"pos":`...)
	dst = strconv.AppendUint(dst, position, 10)
	dst = append(dst, l.common...)
	dst = append(dst, `,"op":"`...)
	dst = append(dst, cmd.Op.String()...)
	dst = append(dst, `","key":`...)
	dst = appendText(dst, cmd.Key)
	dst = append(dst, `,"value":`...)
	switch fields := cmd.Op.Operation().Fields; {
	case cmd.Op == wire.OpTxn:
		dst = appendTxn(dst, cmd.Value)
	case fields&wire.FieldDelta != 0:
		dst = appendNumber(dst, cmd.Delta)
	case fields&wire.FieldValue != 0:
		// An empty value is a value, and not null, however it was decoded.
		if cmd.Value == nil {
			cmd.Value = []byte{}
		}
		dst = appendBase64(dst, cmd.Value)
	default:
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"session":`...)
	dst = strconv.AppendUint(dst, cmd.Session, 10)
	dst = append(dst, `,"sseq":`...)
	dst = strconv.AppendUint(dst, cmd.Seq, 10)
	dst = append(dst, `,"expect":`...)
	dst = strconv.AppendUint(dst, cmd.Expect, 10)
	dst = append(dst, `,"ok":`...)
	dst = strconv.AppendBool(dst, effect)
	return append(dst, '}', '\n')
}
