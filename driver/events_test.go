package driver

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// A watch uses the space of its events again, and holds no values meanwhile.
func TestEventFeedKeepsSpaceOnly(t *testing.T) {
	f := newEventFeed()
	show := func(n int) {
		for i := range n {
			f.Event(&wire.Event{Kind: wire.EventPut, Key: "k", Value: []byte("v"), Position: uint64(i + 1), Last: true})
		}
	}
	show(2)
	first, _, _ := f.take(nil)
	f.take(first)
	if len(first) != 2 || first[0].Key != "" || first[1].Data != nil {
		t.Errorf("%+v is held", first)
	}
	show(1)
	second, _, _ := f.take(nil)
	if len(second) != 1 || second[0].Key != "k" || &second[0] != &first[0] {
		t.Error("the space was not used again")
	}
}
