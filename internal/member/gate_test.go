package member

import "testing"

func TestGate(t *testing.T) {
	g := NewGate(10)
	for i, step := range []struct {
		admit, release int
		opens, open    bool
		admitted       int
	}{
		{admit: 10, open: true, admitted: 10},
		{admit: 1, admitted: 11}, // the last one
		{release: 0, admitted: 11},
		{release: 1, opens: true, open: true, admitted: 10},
		{release: 4, open: true, admitted: 6},
		{admit: 20, admitted: 26},
		{release: 15, admitted: 11},
		{release: 11, opens: true, open: true},
	} {
		if step.admit > 0 {
			g.Admit(step.admit)
		} else if opens := g.Release(step.release); opens != step.opens {
			t.Errorf("step %d: opens %v", i, opens)
		}
		if g.Open() != step.open || g.Admitted() != step.admitted {
			t.Errorf("step %d: open %v, %d bytes", i, g.Open(), g.Admitted())
		}
	}
}
