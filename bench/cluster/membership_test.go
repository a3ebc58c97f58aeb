package cluster

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/server"
)

// The node that answered is asked first, and one that did not, last.
func TestMembershipOrder(t *testing.T) {
	m := &membership{addrs: []string{"a", "b", "c"}}
	m.putLast("a")
	members := []server.MemberStatus{{ID: "n1", ClientAddr: "a"}, {ID: "n2", ClientAddr: "d"}, {ID: "n3", ClientAddr: "c"}}
	if _, known := m.detectionTime(); known {
		t.Error("nobody has told the detection time")
	}
	m.remember("c", &server.Status{Members: members, DetectionMs: 700})
	if d, known := m.detectionTime(); d != 700*time.Millisecond || !known {
		t.Errorf("the detection time is %v, %v", d, known)
	}
	if want := []string{"c", "a", "d", "b"}; !slices.Equal(m.addrs, want) {
		t.Errorf("asked in the order %q, want %q", m.addrs, want)
	}
	m.putLast("a")
	if want := []string{"c", "d", "b", "a"}; !slices.Equal(m.addrs, want) {
		t.Errorf("asked in the order %q, want %q", m.addrs, want)
	}
}

// Another generation than the first is told once, and is an error for everybody.
func TestMembershipGeneration(t *testing.T) {
	m := membership{losses: NewLossFeed()}
	for i, generation := range []uint64{6, 6, 7, 7} {
		if err := m.same(generation); errors.Is(err, fault.ErrStateLost) != (i > 1) {
			t.Errorf("generation %d: %v", generation, err)
		}
	}
	if got := <-m.losses; got.Generation != 7 || got.Node != "" || len(m.losses) > 0 {
		t.Errorf("told %+v, and %d more", got, len(m.losses))
	}
}

// An end without a reason is told with one.
func TestNodeEnded(t *testing.T) {
	l := NewLossFeed()
	l.nodeEnded("n1", nil)
	if got := <-l.Losses(); got.Node != "n1" || got.Why == nil {
		t.Errorf("told %+v", got)
	}
}
