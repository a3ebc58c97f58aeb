package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// body checks a frame's header against its size and returns its body.
func body(t interface{ Fatalf(string, ...any) }, frame []byte, kind byte) []byte {
	if n := binary.LittleEndian.Uint32(frame); int(n) != len(frame)-HeaderBytes || frame[HeaderBytes] != kind {
		t.Fatalf("header % x of a frame of %d bytes of kind %d", frame[:HeaderBytes+1], len(frame), kind)
	}
	return frame[HeaderBytes+1:]
}

func TestCommandInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var encoded []byte
		commands := rapid.SliceOfN(genCommand(), 0, 5).Draw(t, "commands")
		for _, c := range commands {
			encoded = c.Append(encoded)
		}
		rest := encoded
		for _, want := range commands {
			var got Command
			var err error
			if got, rest, err = DecodeCommand(rest); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
		if len(rest) != 0 {
			t.Fatalf("%d bytes left", len(rest))
		}
	})
}

// Fields that do not count for an operation leave no trace in its encoding.
func TestCommandLeavesOutWhatDoesNotCount(t *testing.T) {
	for op := Op(1); op.Valid(); op++ {
		full := Command{Op: op, Session: 9, Seq: 7, Floor: 5, Key: "k", Value: []byte("v"), Expect: 4, Delta: -3}
		got, rest, err := DecodeCommand(full.Append(nil))
		if err != nil || len(rest) != 0 {
			t.Fatalf("op %d: %v, %d bytes left", op, err, len(rest))
		}
		if d := cmp.Diff(onlyCounting(full), got); d != "" {
			t.Errorf("op %d: %s", op, d)
		}
	}
}

func TestCommandTruncatedAndUnknown(t *testing.T) {
	whole := (&Command{Op: OpCompareAndSet, Session: 300, Seq: 2, Floor: 1, Key: "key", Value: []byte("value"), Expect: 1 << 40}).Append(nil)
	for n := range whole {
		if _, _, err := DecodeCommand(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	for _, op := range []byte{0, byte(len(operations)), 255} {
		if _, _, err := DecodeCommand([]byte{op, 1, 1, 0, 1, 'k', 0}); !errors.Is(err, ErrMalformed) {
			t.Errorf("op %d: %v", op, err)
		}
	}
	// A client of whom nothing is known is left out, and no other operation has one.
	for _, b := range [][]byte{{byte(OpOpenSession) | hasMore, 0, 0}, {byte(OpBarrier) | hasMore, 1, 'c', 0}, {byte(OpOpenSession) | hasMore, 1, 'c'}} {
		if _, _, err := DecodeCommand(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", b, err)
		}
	}
	// A value that is said to be longer than all memory.
	huge := binary.AppendUvarint([]byte{byte(OpAudit)}, math.MaxUint64)
	if _, _, err := DecodeCommand(huge); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestAppendOfInvalidOpPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	(&Command{}).Append(nil)
}

func TestStringsInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.String(), 0, 9).Draw(t, "list")
		encoded := AppendStrings(nil, want)
		got, err := DecodeStrings(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) != len(got) || strings.Join(want, "\x00") != strings.Join(got, "\x00") {
			t.Fatalf("%q became %q", want, got)
		}
		if _, err := DecodeStrings(append(encoded, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("with a byte too many: %v", err)
		}
	})
	if _, err := DecodeStrings([]byte{200, 1, 0}); !errors.Is(err, ErrMalformed) {
		t.Errorf("200 strings in a byte: %v", err)
	}
}

func TestRequestInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genRequest().Draw(t, "request")
		frame := AppendRequest([]byte("before"), &want)[len("before"):]
		got, err := DecodeRequest(body(t, frame, FrameRequest))
		if err != nil {
			t.Fatal(err)
		}
		if want.Kind == RequestWrite {
			want.RawCommand = want.Command.Append(nil)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if limit := len(want.Key) + len(want.Command.Key) + len(want.Command.Value) + RequestOverheadBytes; len(frame) > limit {
			t.Fatalf("a frame of %d bytes, at most %d were promised", len(frame), limit)
		}
		if again := AppendRequest(nil, &got); !bytes.Equal(frame, again) {
			t.Fatalf("with the raw command % x, before % x", again, frame)
		}
	})
}

func TestRequestRefused(t *testing.T) {
	write := AppendRequest(nil, &Request{ID: 5, Kind: RequestWrite, Command: Command{Op: OpDelete, Session: 1, Seq: 1, Floor: 1, Key: "k"}})
	ping := AppendRequest(nil, &Request{ID: 5, Kind: RequestPing})
	for name, b := range map[string][]byte{
		"empty":                     {},
		"kind 0":                    {5, 0, 0, 0},
		"kind 15":                   {5, 15, 0, 0},
		"garbage behind a command":  append(bytes.Clone(write[5:]), 0),
		"garbage behind a ping":     append(bytes.Clone(ping[5:]), 0),
		"an id in a longer form":    {0x85, 0x00, byte(RequestPing), 0, 0},
		"a timeout beyond an int64": append(binary.AppendUvarint([]byte{5, byte(RequestPing)}, 1<<63), 0),
		"an id beyond a uint64":     append(bytes.Repeat([]byte{0xff}, 10), byte(RequestPing), 0, 0),
	} {
		if r, err := DecodeRequest(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestReplyInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genReply().Draw(t, "reply")
		got, err := DecodeReply(body(t, AppendReply(nil, &want), FrameReply))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestDeliveryInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genDelivery().Draw(t, "delivery")
		got, err := DecodeDelivery(body(t, AppendDelivery(nil, &want), FrameDelivery))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		for i := range want.Count {
			if got.Effect(i) != (want.Effects[i/8]>>(i%8)&1 == 1) {
				t.Fatalf("effect of command %d", i)
			}
		}
	})
}

func TestDeliveryRefused(t *testing.T) {
	command := (&Command{Op: OpBarrier}).Append(nil)
	for name, d := range map[string]Delivery{
		"more commands than bytes": {Count: 2, Payload: command, Effects: []byte{1}},
		"no effects":               {Count: 1, Payload: command},
		"effects of too many":      {Count: 1, Payload: command, Effects: []byte{1, 0}},
	} {
		if got, err := DecodeDelivery(AppendDelivery(nil, &d)[HeaderBytes+1:]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestGoAwayInverse(t *testing.T) {
	if got := DecodeGoAway(body(t, AppendGoAway(nil, "leaving"), FrameGoAway)); got != "leaving" {
		t.Errorf("%q", got)
	}
}

// The longest queries that make sense are not too long.
func TestLongestQueries(t *testing.T) {
	key, bound, most := strings.Repeat("k", MaxKeyBytes), strings.Repeat("k", MaxKeyBytes+1), uint64(math.MaxUint64)
	for kind, query := range map[RequestKind][]byte{
		RequestGet:       []byte(key),
		RequestGetStrong: []byte(key),
		RequestList:      (&ListQuery{Listing: most, Limit: most, After: key, Prefix: key}).Append(nil),
		RequestScan:      (&ScanQuery{Flags: ScanAt, At: most, Limit: most, From: bound, To: bound}).Append(nil),
		RequestSessions:  (&SessionsQuery{ID: most, Limit: most, AfterKey: key}).Append(nil),
		RequestWatch:     (&WatchQuery{Watch: most, Flags: WatchAfter, After: most, Credit: most, From: bound, To: bound}).Append(nil),
		RequestCredit:    AppendCredit(nil, most, most),
	} {
		r := Request{Kind: kind, Key: string(query)}
		if r.KeyTooLong() {
			t.Errorf("kind %d: %d bytes are too long", kind, len(query))
		}
		if r.Key += strings.Repeat("k", MaxQueryBytes); !r.KeyTooLong() {
			t.Errorf("kind %d: %d bytes are not too long", kind, len(r.Key))
		}
	}
}

// Of requests only a write may be large. What is no request is not judged here.
func TestMayBeLarge(t *testing.T) {
	for kind := RequestGet; kind <= RequestSessions; kind++ {
		r := Request{ID: 1<<64 - 1, Kind: kind, Timeout: math.MaxInt64, Position: 1<<64 - 1}
		if kind == RequestWrite {
			r.Command.Op = OpBarrier
		}
		begin := AppendRequest(nil, &r)[HeaderBytes:]
		if may, id := MayBeLarge(begin); may != (kind == RequestWrite) || id != r.ID {
			t.Errorf("kind %d: %v, %d", kind, may, id)
		}
	}
	for _, begin := range [][]byte{nil, {FrameReply, 1, byte(RequestGet)}, {FrameRequest}, {FrameRequest, 0x80}} {
		if may, _ := MayBeLarge(begin); !may {
			t.Errorf("%v may not be large", begin)
		}
	}
}

// Decoding aliases its input: it must not take memory for a request.
func TestDecodeTakesNoMemory(t *testing.T) {
	write := Request{ID: 1, Kind: RequestWrite, Command: Command{Op: OpSet, Session: 1, Seq: 1, Floor: 1, Key: "key", Value: []byte("value")}}
	frame := AppendRequest(nil, &write)
	reply := AppendReply(nil, &Reply{ID: 1, Data: []byte("value")})
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := DecodeRequest(frame[HeaderBytes+1:]); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeReply(reply[HeaderBytes+1:]); err != nil {
			t.Fatal(err)
		}
		buf = AppendRequest(buf[:0], &write)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
