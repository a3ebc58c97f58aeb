package registry

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/registry/membership"
)

func sampleState() membership.State {
	s := membership.NewState(7, 1<<40, DefaultSettings())
	a := membership.Member{ID: "a", Incarnation: 1, PeerAddr: "a:1", ClientAddr: "a:2", FeatureLevel: 1, Nonce: 1<<64 - 1}
	b := membership.Member{ID: "b", Incarnation: 2, PeerAddr: "b:1", ClientAddr: "b:2"}
	s.NextView, s.NextIncarnation = 3, 3
	s.Views = []membership.View{{ID: 1, Members: []membership.Member{a}}}
	s.Attempt = &membership.Attempt{View: membership.View{ID: 2, Prev: 1, Members: []membership.Member{a, b}}, Leader: 1}
	s.ProvedDead = []uint64{1}
	return s
}

func TestRecord(t *testing.T) {
	want := sampleState()
	record, err := encodeState(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeState(record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzDecodeState holds that no record makes a registry start from a state
// that does not hang together, or panic.
func FuzzDecodeState(f *testing.F) {
	record, err := encodeState(sampleState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add(record[:5])
	f.Add(record[recordHeaderSize:])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, input []byte) {
		// As a record, and as a body whose checksum is right.
		state, err := decodeState(input)
		if err != nil {
			state, err = decodeState(seal(input))
		}
		if err != nil {
			return
		}
		again, err := encodeState(state)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decodeState(again)
		if err != nil {
			t.Fatalf("a state that was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(state, second); diff != "" {
			t.Fatal(diff)
		}
		membership.New(state, 0).Tick(0)
	})
}
