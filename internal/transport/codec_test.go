package transport

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
)

func genPayload() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, 40) }

func genEntries() *rapid.Generator[[]isis.Entry] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) isis.Entry {
		e := isis.Entry{
			Sender:   rapid.Uint32().Draw(t, "sender"),
			Seq:      rapid.Uint64().Draw(t, "seq"),
			Priority: rapid.Uint64().Draw(t, "priority"),
			Final:    rapid.Bool().Draw(t, "final"),
			Count:    rapid.Uint32().Draw(t, "count"),
			Held:     rapid.Bool().Draw(t, "held"),
		}
		if !e.Held {
			e.Payload = genPayload().Draw(t, "payload")
			e.Count = rapid.Uint32Range(0, uint32(len(e.Payload))).Draw(t, "commands")
		}
		return e
	}), 0, 5)
}

func genMessage() *rapid.Generator[isis.Message] {
	return rapid.Custom(func(t *rapid.T) isis.Message {
		u64 := func(name string) uint64 { return rapid.Uint64().Draw(t, name) }
		m := isis.Message{Kind: isis.Kind(rapid.IntRange(1, 16).Draw(t, "kind")), View: u64("view")}
		switch m.Kind {
		case isis.KindPropose:
			m.Seq, m.Priority = u64("seq"), u64("priority")
			m.Payload = genPayload().Draw(t, "payload")
			m.Count = rapid.Uint32Range(0, uint32(len(m.Payload))).Draw(t, "commands")
		case isis.KindProposal, isis.KindFinal:
			m.Seq, m.Priority = u64("seq"), u64("priority")
		case isis.KindLeanCut:
			m.Cut = genLeanCut().Draw(t, "cut")
		case isis.KindFetch:
			m.Part = &isis.Part{Sender: rapid.Uint32().Draw(t, "sender"), Seq: u64("seq"), Offset: u64("offset")}
		case isis.KindSupply:
			m.Part = &isis.Part{
				Sender: rapid.Uint32().Draw(t, "sender"), Seq: u64("seq"), Offset: u64("offset"), Size: u64("size"),
				Bytes: genPayload().Draw(t, "bytes"),
			}
		case isis.KindProbe, isis.KindVouch, isis.KindHeld, isis.KindStable:
			m.Seq = u64("seq")
		case isis.KindAck:
			m.Acks = rapid.SliceOfN(rapid.Uint64(), 0, 9).Draw(t, "acks")
		case isis.KindFlushState:
			m.State = &isis.FlushState{Position: u64("position"), Clock: u64("clock"), Entries: genEntries().Draw(t, "entries")}
		case isis.KindCut:
			m.Cut = &isis.Cut{Base: u64("base"), Clock: u64("clock"), Entries: genEntries().Draw(t, "entries")}
			m.Cut.Members = genMembers().Draw(t, "members")
		}
		return m
	})
}

func genMembers() *rapid.Generator[[]isis.MemberID] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) isis.MemberID {
		return isis.MemberID{ID: rapid.String().Draw(t, "id"), Incarnation: rapid.Uint64().Draw(t, "incarnation")}
	}), 0, 4)
}

func genLeanCut() *rapid.Generator[*isis.Cut] {
	return rapid.Custom(func(t *rapid.T) *isis.Cut {
		return &isis.Cut{
			Base: rapid.Uint64().Draw(t, "base"), Clock: rapid.Uint64().Draw(t, "clock"), Members: genMembers().Draw(t, "members"),
			Positions: rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, "positions"),
			Entries: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) isis.Entry {
				return isis.Entry{
					Sender: rapid.Uint32().Draw(t, "sender"), Seq: rapid.Uint64().Draw(t, "seq"), Priority: rapid.Uint64().Draw(t, "priority"),
					Count: rapid.Uint32().Draw(t, "count"), Holder: rapid.Uint32().Draw(t, "holder"), Final: true, Held: true,
				}
			}), 0, 5).Draw(t, "entries"),
		}
	})
}

func TestMessageInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage().Draw(t, "message")
		b := AppendMessage([]byte("before"), &m)[len("before"):]
		if len(b) > sizeBound(&m) {
			t.Fatalf("%d bytes, bound %d", len(b), sizeBound(&m))
		}
		got, err := DecodeMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		for i := range b {
			// Only a payload at the very end can be shorter and make sense.
			if _, err := DecodeMessage(b[:i]); err == nil && i < len(b)-len(tailOf(&m)) {
				t.Fatalf("%d of %d bytes were taken for a message", i, len(b))
			}
		}
	})
}

// tailOf returns what a message ends with that may be shorter and make sense.
func tailOf(m *isis.Message) []byte {
	switch m.Kind {
	case isis.KindPropose:
		return m.Payload[m.Count:]
	case isis.KindSupply:
		return m.Part.Bytes
	default:
		return nil
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 11)
	for name, b := range map[string][]byte{
		"nothing":                              nil,
		"kind 0":                               {0, 1},
		"kind 11":                              {11, 1},
		"no view":                              {8},
		"something behind":                     {8, 1, 0},
		"a number in long form":                {8, 0x81, 0},
		"a number above 64 bits":               append([]byte{8}, long...),
		"more acks than bytes":                 {4, 1, 3, 1, 1},
		"acks without end":                     append([]byte{4, 1}, long[:9]...),
		"more entries than bytes":              {5, 1, 0, 0, 2, 0, 0, 0, 1, 2},
		"unknown flags":                        {5, 1, 0, 0, 1, 0, 0, 0, 1, 4, 0},
		"payload without end":                  {5, 1, 0, 0, 1, 0, 0, 0, 1, 0, 9, 'x'},
		"more members than bytes":              {6, 1, 0, 0, 2, 1, 'a', 1},
		"more entries than a cut":              {14, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0},
		"more positions than bytes":            {14, 1, 0, 0, 0, 5, 1},
		"a part without its size":              {16, 1, 0, 1, 0},
		"more commands than bytes":             {1, 1, 2, 3, 4, 'x', 'y', 'z'},
		"commands without end":                 {1, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0x0f, 'x'},
		"an entry of more commands than bytes": {5, 1, 0, 0, 1, 0, 0, 0, 2, 0, 1, 'x'},
		"a rank above 32 bits":                 {5, 1, 0, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 1, 2},
	} {
		if m, err := DecodeMessage(b); err == nil {
			t.Errorf("%s: decoded as %+v", name, m)
		}
	}
}

func TestEncodePanicsOnWhatNobodyCouldDecode(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("it does not")
		}
	}()
	AppendMessage(nil, &isis.Message{Kind: 17})
}

func FuzzDecodeMessage(f *testing.F) {
	for _, m := range []isis.Message{
		{Kind: isis.KindPropose, View: 1, Seq: 2, Priority: 3, Count: 4, Payload: []byte("payload")},
		{Kind: isis.KindProposal, View: 1, Seq: 2, Priority: 300},
		{Kind: isis.KindFinal, View: math.MaxUint64, Seq: 2, Priority: 3},
		{Kind: isis.KindAck, View: 1, Acks: []uint64{1, 0, 1 << 40}},
		{Kind: isis.KindFlushState, View: 9, State: &isis.FlushState{Position: 1, Clock: 2, Entries: []isis.Entry{
			{Sender: 1, Seq: 2, Priority: 3, Final: true, Count: 4, Payload: []byte("payload")},
		}}},
		{Kind: isis.KindCut, View: 9, Cut: &isis.Cut{Base: 1, Clock: 2, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}}, Entries: []isis.Entry{
			{Sender: 1, Seq: 2, Priority: 3, Count: 4, Held: true}, {Payload: []byte("x"), Count: 1},
		}}},
		{Kind: isis.KindLeanCut, View: 9, Cut: &isis.Cut{
			Base: 1, Clock: 2, Members: []isis.MemberID{{ID: "n1", Incarnation: 1}}, Positions: []uint64{3},
			Entries: []isis.Entry{{Sender: 1, Seq: 2, Priority: 3, Count: 4, Holder: 1}},
		}},
		{Kind: isis.KindFetch, View: 9, Part: &isis.Part{Sender: 1, Seq: 2, Offset: 3}},
		{Kind: isis.KindSupply, View: 9, Part: &isis.Part{Sender: 1, Seq: 2, Offset: 3, Size: 9, Bytes: []byte("payload")}},
		{Kind: isis.KindPropose, View: 1, Seq: 2, Priority: 3, Count: math.MaxUint32, Payload: []byte("payload")},
		{Kind: isis.KindCutAck, View: 1},
		{Kind: isis.KindCommit, View: 1},
		{Kind: isis.KindProbe, View: 1, Seq: 1},
	} {
		f.Add(AppendMessage(nil, &m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b)
		if err != nil {
			return
		}
		if again := AppendMessage(nil, &m); !bytes.Equal(again, b) {
			t.Fatalf("%x became %+v and then %x", b, m, again)
		}
		apply(t, m.Count, m.Payload)
		for _, e := range entries(&m) {
			if !e.Held {
				apply(t, e.Count, e.Payload)
			}
		}
	})
}

// entries are those of a flush state or of a cut.
func entries(m *isis.Message) []isis.Entry {
	switch {
	case m.State != nil:
		return m.State.Entries
	case m.Cut != nil:
		return m.Cut.Entries
	}
	return nil
}

// apply has a store apply what a message brought. It takes memory for each of its
// commands, so no message may announce more than it can have.
func apply(t *testing.T, count uint32, payload []byte) {
	if most := len(payload); int(count) > most {
		t.Fatalf("%d commands in a payload of %d bytes", count, most)
	}
	var out store.Outcome
	store.New(store.Limits{}).ApplyMessage(1, int(count), payload, &out)
	if len(out.Results) != int(count) {
		t.Fatalf("%d results of %d commands", len(out.Results), count)
	}
}

func TestCodecAllocatesNothing(t *testing.T) {
	msgs := []isis.Message{
		{Kind: isis.KindProposal, View: 1, Seq: 2, Priority: 3},
		{Kind: isis.KindFinal, View: 1, Seq: 2, Priority: 3},
		{Kind: isis.KindAck, View: 1, Acks: []uint64{1, 2, 3}},
	}
	buf, acks := make([]byte, 0, 100), make([]uint64, 0, 10)
	var m isis.Message
	if allocs := testing.AllocsPerRun(100, func() {
		for i := range msgs {
			buf = AppendMessage(buf[:0], &msgs[i])
			if _, err := decodeMessage(buf, &m, acks); err != nil {
				t.Error(err)
			}
		}
	}); allocs != 0 {
		t.Fatalf("%v allocations", allocs)
	}
}
