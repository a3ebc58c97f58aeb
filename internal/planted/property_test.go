//go:build planted

package planted_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/planted"
)

func TestPlantedComplaint(t *testing.T) {
	for _, tc := range []struct {
		name  string
		check func(testing.TB)
		want  string
	}{
		{"passes", func(testing.TB) {}, ""},
		{"error", func(t testing.TB) { t.Errorf("first"); t.Errorf("second") }, "first"},
		{"fatal", func(t testing.TB) {
			defer t.Errorf("second")
			t.Fatalf("first")
		}, "first"},
		{"fail now", func(t testing.TB) { t.FailNow() }, "failed"},
		{"panic", func(testing.TB) { panic("first") }, "panic: first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := planted.Complaint(t, tc.check); got != tc.want {
				t.Errorf("complaint %q, want %q", got, tc.want)
			}
		})
	}
}

func TestPlantedPropertySeesTheBug(t *testing.T) {
	cases := 0
	planted.Property(t, planted.WrongEnd, "a comparison", func(t testing.TB) {
		cases = 0
		rapid.Check(t, func(t *rapid.T) {
			cases++
			if n := rapid.IntRange(0, 100).Draw(t, "n"); n > 90 && planted.On(planted.WrongEnd) {
				t.Fatalf("the wrong end of %d", n)
			}
		})
	})
	if planted.On(planted.WrongEnd) || cases == 0 || cases > 1000 {
		t.Errorf("%d cases without the bug, which is on: %v", cases, planted.On(planted.WrongEnd))
	}
}
