package bench

import (
	"slices"
	"testing"
)

// The node that answered is asked first, and one that did not, last.
func TestMembershipOrder(t *testing.T) {
	m := &membership{addrs: []string{"a", "b", "c"}}
	m.putLast("a")
	m.remember("c", []member{{ID: "n1", ClientAddr: "a"}, {ID: "n2", ClientAddr: "d"}, {ID: "n3", ClientAddr: "c"}})
	if want := []string{"c", "a", "d", "b"}; !slices.Equal(m.addrs, want) {
		t.Errorf("asked in the order %q, want %q", m.addrs, want)
	}
	m.putLast("a")
	if want := []string{"c", "d", "b", "a"}; !slices.Equal(m.addrs, want) {
		t.Errorf("asked in the order %q, want %q", m.addrs, want)
	}
}
