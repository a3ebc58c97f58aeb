package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestFormat pins the bytes: others read these files with tools of their own.
func TestFormat(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, op := range []Op{
		{Client: 3, Session: 7, Kind: Set, Key: "k12", Value: []byte("hello"), Version: 91, Position: 91, Node: "n1", Start: 12, End: 18, Status: OK, Seq: 4},
		{Client: 3, Session: 7, Kind: Get, Key: "gone", Position: 95, Node: "n2", Start: 20, End: 21, Status: OK},
		{Kind: GetStrong, Key: "empty", Value: []byte{}, Version: 5, Position: 95, Node: "n2", Status: OK},
		{Kind: Add, Key: "n", Delta: -3, Sum: 4, Version: 96, Position: 96, Status: OK},
		{Kind: CompareAndSet, Key: "a\"b\\\n\xff", Value: []byte("x"), Expect: 9, Status: Unknown},
	} {
		if err := w.Write(&op); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const want = `{"client":3,"session":7,"op":"set","key":"k12","value":"aGVsbG8=","version":91,"position":91,"node":"n1","start":12,"end":18,"status":"ok","expect":0}
{"client":3,"session":7,"op":"get","key":"gone","value":null,"version":0,"position":95,"node":"n2","start":20,"end":21,"status":"ok","expect":0}
{"client":0,"session":0,"op":"getstrong","key":"empty","value":"","version":5,"position":95,"node":"n2","start":0,"end":0,"status":"ok","expect":0}
{"client":0,"session":0,"op":"add","key":"n","value":"LTM=","version":96,"position":96,"node":"","start":0,"end":0,"status":"ok","expect":0}
{"client":0,"session":0,"op":"cas","key":"a\"b\\\u000a\udcff","value":"eA==","version":0,"position":0,"node":"","start":0,"end":0,"status":"unknown","expect":9}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// delivery makes a message of commands, of which those of even index took
// effect.
func delivery(cmds ...wire.Command) *wire.Delivery {
	d := &wire.Delivery{
		View: 2, Sender: "n1", Incarnation: 3, Seq: 4, First: 10,
		Count: len(cmds), Effects: make([]byte, (len(cmds)+7)/8),
	}
	for i := range cmds {
		d.Payload = cmds[i].Append(d.Payload)
		if i%2 == 0 {
			d.Effects[i/8] |= 1 << (i % 8)
		}
	}
	return d
}

func TestDeliveryFormat(t *testing.T) {
	var out bytes.Buffer
	l := NewDeliveryLog(&out)
	d := delivery(
		wire.Command{Op: wire.OpSet, Session: 7, Seq: 2, Floor: 1, Key: "k", Value: []byte("v")},
		wire.Command{Op: wire.OpSet, Session: 7, Seq: 3, Floor: 1, Key: "k"},
		wire.Command{Op: wire.OpDelete, Session: 7, Seq: 4, Floor: 1, Key: "k"},
		wire.Command{Op: wire.OpAdd, Session: 7, Seq: 5, Floor: 1, Key: "n", Delta: 12},
		wire.Command{Op: wire.OpCompareAndSet, Session: 7, Seq: 6, Floor: 1, Key: "k", Value: []byte("w"), Expect: 10},
		wire.Command{Op: wire.OpOpenSession},
		wire.Command{Op: wire.OpRenewSession, Session: 7},
		wire.Command{Op: wire.OpCloseSession, Session: 7},
		wire.Command{Op: wire.OpBarrier},
		wire.Command{Op: wire.OpTick, Delta: 1000},
		wire.Command{Op: wire.OpAudit, Value: []byte("a")},
		wire.Command{Op: wire.OpAuditVote, Key: "n1", Value: []byte("d"), Expect: 9},
		wire.Command{Op: wire.OpTxn, Session: 7, Seq: 7, Floor: 1, Value: []byte{0, 0, 0}},
		wire.Command{Op: wire.OpClock, Delta: 1000, Expect: 8},
		wire.Command{Op: wire.OpOpenTimed, Key: "app", Value: []byte("host"), Delta: 1000},
		wire.Command{Op: wire.OpQuota, Delta: 1 << 30, Expect: 1000},
		wire.Command{Op: wire.OpOpenLocked, Key: "app", Value: wire.AppendLocked(nil, wire.Lock{1}, "host")},
	)
	if err := l.Deliver(d); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for op := wire.Op(1); op.Valid(); op++ {
		if !strings.Contains(out.String(), `"op":"`+op.String()+`"`) {
			t.Errorf("history_test.go does not show how delivery.go writes %s", op)
		}
	}
	const want = `{"pos":10,"view":2,"sender":"n1#3","seq":4,"op":"set","key":"k","value":"dg==","session":7,"sseq":2,"expect":0,"ok":true}
{"pos":11,"view":2,"sender":"n1#3","seq":4,"op":"set","key":"k","value":"","session":7,"sseq":3,"expect":0,"ok":false}
{"pos":12,"view":2,"sender":"n1#3","seq":4,"op":"del","key":"k","value":null,"session":7,"sseq":4,"expect":0,"ok":true}
{"pos":13,"view":2,"sender":"n1#3","seq":4,"op":"add","key":"n","value":"MTI=","session":7,"sseq":5,"expect":0,"ok":false}
{"pos":14,"view":2,"sender":"n1#3","seq":4,"op":"cas","key":"k","value":"dw==","session":7,"sseq":6,"expect":10,"ok":true}
{"pos":15,"view":2,"sender":"n1#3","seq":4,"op":"open","key":"","value":null,"session":0,"sseq":0,"expect":0,"ok":false}
{"pos":16,"view":2,"sender":"n1#3","seq":4,"op":"renew","key":"","value":null,"session":7,"sseq":0,"expect":0,"ok":true}
{"pos":17,"view":2,"sender":"n1#3","seq":4,"op":"close","key":"","value":null,"session":7,"sseq":0,"expect":0,"ok":false}
{"pos":18,"view":2,"sender":"n1#3","seq":4,"op":"barrier","key":"","value":null,"session":0,"sseq":0,"expect":0,"ok":true}
{"pos":19,"view":2,"sender":"n1#3","seq":4,"op":"tick","key":"","value":"MTAwMA==","session":0,"sseq":0,"expect":0,"ok":false}
{"pos":20,"view":2,"sender":"n1#3","seq":4,"op":"audit","key":"","value":"YQ==","session":0,"sseq":0,"expect":0,"ok":true}
{"pos":21,"view":2,"sender":"n1#3","seq":4,"op":"vote","key":"n1","value":"ZA==","session":0,"sseq":0,"expect":9,"ok":false}
{"pos":22,"view":2,"sender":"n1#3","seq":4,"op":"txn","key":"","value":"eyJpZiI6W10sInRoZW4iOltdLCJlbHNlIjpbXX0=","session":7,"sseq":7,"expect":0,"ok":true}
{"pos":23,"view":2,"sender":"n1#3","seq":4,"op":"clock","key":"","value":"MTAwMA==","session":0,"sseq":0,"expect":8,"ok":false}
{"pos":24,"view":2,"sender":"n1#3","seq":4,"op":"opentimed","key":"app","value":"MTAwMA==","session":0,"sseq":0,"expect":0,"ok":true}
{"pos":25,"view":2,"sender":"n1#3","seq":4,"op":"quota","key":"","value":"MTA3Mzc0MTgyNA==","session":0,"sseq":0,"expect":1000,"ok":false}
{"pos":26,"view":2,"sender":"n1#3","seq":4,"op":"openlocked","key":"app","value":"MA==","session":0,"sseq":0,"expect":0,"ok":true}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestOpRoundTrip reads back what was written, whatever the bytes.
func TestOpRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := Op{
			Client:  rapid.IntRange(0, 1000).Draw(t, "client"),
			Session: rapid.Uint64().Draw(t, "session"),
			Kind:    rapid.SampledFrom([]Kind{Get, GetStrong, Set, Delete, Add, CompareAndSet}).Draw(t, "op"),
			Key:     string(rapid.SliceOf(rapid.Byte()).Draw(t, "key")),
			Version: rapid.Uint64().Draw(t, "version"), Position: rapid.Uint64().Draw(t, "position"),
			Node: rapid.String().Draw(t, "node"), Start: rapid.Int64().Draw(t, "start"), End: rapid.Int64().Draw(t, "end"),
			Status: rapid.SampledFrom([]Status{OK, Fail, Unknown}).Draw(t, "status"),
			Expect: rapid.Uint64().Draw(t, "expect"),
		}
		if op.Kind == Add {
			op.Delta = rapid.Int64().Draw(t, "delta")
		} else if rapid.Bool().Draw(t, "present") {
			op.Value = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "value")...)
		}
		var got Op
		line := op.Append(nil)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(op, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	})
}

func TestEntryRoundTrip(t *testing.T) {
	var out bytes.Buffer
	l := NewDeliveryLog(&out)
	err := errors.Join(l.Deliver(delivery(wire.Command{Op: wire.OpSet, Session: 7, Seq: 2, Floor: 2, Key: "\\\xed\xb2\x80 \"é", Value: []byte("v")})), l.Close())
	if err != nil {
		t.Fatal(err)
	}
	var got Entry
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := Entry{
		Position: 10, View: 2, Sender: "n1#3", Seq: 4, Op: "set", Key: "\\\xed\xb2\x80 \"é", Value: []byte("v"),
		Session: 7, SSeq: 2, OK: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeliveryMalformed(t *testing.T) {
	good := delivery(wire.Command{Op: wire.OpBarrier}, wire.Command{Op: wire.OpBarrier})
	for name, spoil := range map[string]func(*wire.Delivery){
		"too few commands":  func(d *wire.Delivery) { d.Count = 3 },
		"too many commands": func(d *wire.Delivery) { d.Count = 1 },
		"no effects":        func(d *wire.Delivery) { d.Effects = nil },
		"no command":        func(d *wire.Delivery) { d.Payload = []byte{0, 0} },
	} {
		var out bytes.Buffer
		l := NewDeliveryLog(&out)
		d := *good
		spoil(&d)
		if err := l.Deliver(&d); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: error %v, want one that wraps ErrMalformed", name, err)
		}
		if err := l.Close(); err != nil || out.Len() > 0 {
			t.Errorf("%s: %d bytes were written, error %v", name, out.Len(), err)
		}
	}
}

// failing is a writer with room for some bytes.
type failing struct{ room int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestWriterKeepsItsError writes until the disk is full, and on: no more may be
// tried, lest a hole remain.
func TestWriterKeepsItsError(t *testing.T) {
	dst := &failing{room: flushBytes + flushBytes/2}
	w := NewWriter(dst)
	op := Op{Kind: Set, Key: "k", Value: []byte(strings.Repeat("x", 1000)), Status: OK}
	var err error
	for range 1000 {
		if err = w.Write(&op); err != nil {
			break
		}
	}
	room := dst.room
	if again := w.Write(&op); !errors.Is(err, errFull) || !errors.Is(again, errFull) || !errors.Is(w.Close(), errFull) {
		t.Errorf("errors %v and %v, want %v for ever", err, again, errFull)
	}
	if dst.room != room {
		t.Error("something was written after the error")
	}
}

// FuzzText reads back any key that was written.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "k", "\\udc80", "\xff\\udcff\"", "é\xed\xb2\x80", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got text
		line := appendText(nil, s)
		if err := json.Unmarshal(line, &got); err != nil || string(got) != s {
			t.Errorf("%q is written as %s and read as %q, error %v", s, line, got, err)
		}
	})
}

// FuzzRead reads anything without a panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"client":1,"key":"\udc80","op":"add","value":"MQ=="}`))
	f.Add([]byte(`{"pos":1,"key":"\udcz0"}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var op Op
		var e Entry
		_, _ = json.Unmarshal(b, &op), json.Unmarshal(b, &e)
	})
}
