package wire

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func drawEvent(t *rapid.T) Event {
	text := rapid.SampledFrom([]string{"", "k", "key", "\x00\xff"})
	e := Event{
		Kind: EventKind(rapid.IntRange(int(EventPut), int(EventEnded)).Draw(t, "kind")), Last: rapid.Bool().Draw(t, "last"),
		Position: rapid.Uint64().Draw(t, "position"),
	}
	value := func() []byte {
		if s := text.Draw(t, "value"); s != "" {
			return []byte(s)
		}
		return nil
	}
	switch e.Kind {
	case EventPut:
		e.Key, e.Value = text.Draw(t, "key"), value()
	case EventDelete, EventExpire:
		e.Key = text.Draw(t, "key")
	case EventEnded:
		e.Status, e.Value = Status(rapid.Byte().Draw(t, "status")), value()
	}
	if (e.Kind == EventPut || e.Kind == EventDelete || e.Kind == EventExpire) && rapid.Bool().Draw(t, "with old") {
		e.OldVersion, e.Old = rapid.Uint64Min(1).Draw(t, "old version"), value()
	}
	return e
}

func TestEventsInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sent struct {
			Watches []uint64
			Event   Event
		}
		var want, got []sent
		var body []byte
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			s := sent{rapid.SliceOfN(rapid.Uint64(), 1, 4).Draw(t, "watches"), drawEvent(t)}
			want = append(want, s)
			body = AppendEvent(body, s.Watches, &s.Event)
		}
		var r EventReader
		r.Reset(body)
		for {
			watches, e, ok := r.Next()
			if !ok {
				break
			}
			got = append(got, sent{slices.Clone(watches), e})
		}
		if diff := cmp.Diff(want, got); diff != "" || r.Bad() {
			t.Fatalf("bad %v (-want +got):\n%s", r.Bad(), diff)
		}
	})
}

func FuzzDecodeEvents(f *testing.F) {
	for kind := EventPut; kind <= EventEnded; kind++ {
		e := Event{Kind: kind, Last: true, Position: 300, Status: StatusLagged, Key: "key", Value: []byte("value")}
		f.Add(AppendEvent(nil, []uint64{1, 200}, &e))
	}
	f.Add(AppendEvent(nil, []uint64{7}, &Event{Kind: EventDelete, Position: 8, Key: "k", OldVersion: 5, Old: []byte("o")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r EventReader
		r.Reset(b)
		var again []byte
		for {
			watches, e, ok := r.Next()
			if !ok {
				break
			}
			again = AppendEvent(again, watches, &e)
		}
		if !r.Bad() && !bytes.Equal(b, again) {
			t.Fatalf("% x became % x", b, again)
		}
	})
}

func TestWatchQueryInverse(t *testing.T) {
	for _, q := range []WatchQuery{
		{}, {From: "a", To: "b", Credit: 300}, {From: "a", Watch: 300, Flags: WatchOld}, {To: "x", Flags: WatchAfter, After: 1 << 40},
	} {
		if got, err := DecodeWatchQuery(q.Append(nil)); err != nil || got != q {
			t.Errorf("%+v became %+v (%v)", q, got, err)
		}
	}
	for _, q := range []WatchQuery{{After: 1}, {Flags: 1 << 7}} {
		if got, err := DecodeWatchQuery(q.Append(nil)); err == nil {
			t.Errorf("%+v was read as %+v", q, got)
		}
	}
}

func FuzzDecodeWatchQuery(f *testing.F) {
	q := WatchQuery{From: "a", To: "b", Watch: 3, Flags: WatchAfter | WatchOld, After: 7, Credit: 300}
	f.Add(q.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeWatchQuery(b); err == nil && !bytes.Equal(q.Append(nil), b) {
			t.Fatalf("% x became % x", b, q.Append(nil))
		}
	})
}

func FuzzDecodeCredit(f *testing.F) {
	f.Add(AppendCredit(nil, 1, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		if watch, n, err := DecodeCredit(b); err == nil && !bytes.Equal(AppendCredit(nil, watch, n), b) {
			t.Fatalf("% x became % x", b, AppendCredit(nil, watch, n))
		}
	})
}

func FuzzDecodeScanQuery(f *testing.F) {
	q := ScanQuery{From: "a", To: "b", Flags: ScanAt | ScanReverse | ScanKeys, At: 7, Limit: 300}
	f.Add(q.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeScanQuery(b); err == nil && !bytes.Equal(q.Append(nil), b) {
			t.Fatalf("% x became % x", b, q.Append(nil))
		}
	})
}

func FuzzDecodeScanPage(f *testing.F) {
	p := ScanPage{More: true, From: "x", To: "y", Count: 1, Items: []ScanItem{{"k", 3, []byte("v")}}}
	f.Add(p.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodeScanPage(b); err == nil && !bytes.Equal(p.Append(nil), b) {
			t.Fatalf("% x became % x", b, p.Append(nil))
		}
	})
}

func TestScanQueryInverse(t *testing.T) {
	for _, q := range []ScanQuery{{}, {From: "a", To: "b", Limit: 7}, {Flags: ScanAt | ScanReverse, At: 9}, {Flags: ScanCount}} {
		if got, err := DecodeScanQuery(q.Append(nil)); err != nil || got != q {
			t.Errorf("%+v became %+v (%v)", q, got, err)
		}
	}
	for _, q := range []ScanQuery{{Flags: ScanKeys | ScanCount}, {At: 1}, {Flags: 1 << 7}} {
		if got, err := DecodeScanQuery(q.Append(nil)); err == nil {
			t.Errorf("%+v was read as %+v", q, got)
		}
	}
}

func TestScanPageInverse(t *testing.T) {
	for _, p := range []ScanPage{{}, {Count: 300}, {More: true, From: "a"}, {Count: 2, Items: []ScanItem{{"a", 1, []byte("v")}, {"b", 2, nil}}}} {
		if got, err := DecodeScanPage(p.Append(nil)); err != nil || !cmp.Equal(got, p) {
			t.Errorf("%+v became %+v (%v)", p, got, err)
		}
	}
}

// What is kept of an event is its own.
func TestEventKeep(t *testing.T) {
	for _, want := range []Event{
		{Kind: EventPut, Key: "k", Value: []byte("value"), OldVersion: 3, Old: []byte("old"), Position: 4, Last: true},
		{Kind: EventPut, Key: "k", Value: []byte{}, Old: []byte{}},
		{Kind: EventEnded, Value: []byte("reason"), Old: []byte{}},
	} {
		frame := AppendEvent(nil, []uint64{7}, &want)
		var r EventReader
		r.Reset(frame)
		_, e, ok := r.Next()
		if !ok {
			t.Fatal("no event")
		}
		e.Keep()
		clear(frame)
		if diff := cmp.Diff(want, e); diff != "" {
			t.Error(diff)
		}
		if _ = append(e.Value, 'x'); string(e.Old) != string(want.Old) {
			t.Errorf("the old value is %q now", e.Old)
		}
	}
}
