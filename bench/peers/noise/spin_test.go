package noise

import (
	"testing"
	"time"
)

// TestGaps has a clock that stands between looks as long as a test says.
func TestGaps(t *testing.T) {
	now, looks := time.Duration(0), 0
	var g gapCounter
	g.spin(func() time.Duration {
		looks++
		switch looks {
		case 1001:
			now += 2 * time.Millisecond // something else ran
		case 2001:
			now += gapTime
		default:
			now += 500 * time.Nanosecond
		}
		return now
	}, 10*time.Millisecond)
	if g.lost != 2*time.Millisecond+gapTime || g.longest != 2*time.Millisecond {
		t.Errorf("%v lost, %v the longest", g.lost, g.longest)
	}
	s := together([]gapCounter{g, {looks: g.looks, total: g.total}})
	if s.Longest != g.longest || s.Lost < 0.102 || s.Lost > 0.103 { // 2.05 ms of 20
		t.Errorf("%+v", s)
	}
}

// TestSpeed: a processor that does half as much is half as fast, and time that
// something else had does not make it slower.
func TestSpeed(t *testing.T) {
	whole := together([]gapCounter{{looks: 2000, total: time.Millisecond}})
	lost := together([]gapCounter{{looks: 2000, total: 3 * time.Millisecond, lost: 2 * time.Millisecond}})
	half := together([]gapCounter{{looks: 1000, total: time.Millisecond}})
	if whole.Speed != 2 || lost.Speed != 2 || half.Speed != 1 {
		t.Errorf("%g, %g, %g", whole.Speed, lost.Speed, half.Speed)
	}
	if s := together(nil); s != (Spin{}) {
		t.Errorf("nothing has shown %+v", s)
	}
}

// TestSpinAll only holds that it ends and has looked.
func TestSpinAll(t *testing.T) {
	if s := SpinAll(2, time.Millisecond); s.Longest == 0 || s.Lost < 0 || s.Lost > 1 {
		t.Errorf("%+v", s)
	}
}
