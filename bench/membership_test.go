package bench

import (
	"slices"
	"testing"
	"time"
)

// The node that answered is asked first, and one that did not, last.
func TestMembershipOrder(t *testing.T) {
	m := &membership{addrs: []string{"a", "b", "c"}}
	m.putLast("a")
	members := []member{{ID: "n1", ClientAddr: "a"}, {ID: "n2", ClientAddr: "d"}, {ID: "n3", ClientAddr: "c"}}
	if _, known := m.detectionTime(); known {
		t.Error("nobody has told the detection time")
	}
	m.remember("c", &groupStatus{Members: members, DetectionMs: 700})
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
