package isis

import "testing"

func TestStability(t *testing.T) {
	s := newStability(0, 3, false)
	stable := func(sender uint32, seq uint64) bool { return s.isStable(&entry{sender: sender, seq: seq}) }

	s.sent(1)
	if !s.acknowledged(1, []uint64{1, 0, 0}) || stable(0, 1) {
		t.Error("stable without member 2")
	}
	if !s.acknowledged(2, []uint64{1, 0, 0}) || !stable(0, 1) || stable(0, 2) {
		t.Error("not stable with all, or too much is")
	}

	// A sender's FINAL shows that the sender holds it.
	s.received(1, 1)
	if stable(1, 1) || !s.untold[1] || !s.untold[2] || s.untold[0] {
		t.Error("stable without member 2, or the wrong members are to be told")
	}
	if !s.acknowledged(2, []uint64{1, 1, 0}) || !stable(1, 1) {
		t.Error("not stable with all")
	}

	for name, acks := range map[string][]uint64{"goes back": {0, 1, 0}, "beyond what was sent": {2, 1, 0}} {
		if s.acknowledged(2, acks) || s.held[2][0] != 1 || s.held[2][1] != 1 {
			t.Errorf("took counters of which one %s", name)
		}
	}
	s.told(1)
	if s.untold[1] || !s.untold[2] {
		t.Error("told the wrong member")
	}
}
