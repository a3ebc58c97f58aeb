package program

import (
	"errors"
	"math"
	"testing"
)

func TestParseShare(t *testing.T) {
	for text, want := range map[string]float64{
		"50%": 0.5, "0.5": 0.5, "0": 0, "0%": 0, "1": 1, "100%": 1, "0.1%": 0.001, " 5% ": 0.05,
	} {
		if got, err := ParseShare(text); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("ParseShare(%q) is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "50", "101%", "-1%", "-0.5", "half", "NaN", "inf", "5%%", "1e9"} {
		if got, err := ParseShare(text); !errors.Is(err, ErrConfig) {
			t.Errorf("ParseShare(%q) is %v, %v, want an error that wraps ErrConfig", text, got, err)
		}
	}
}

// FuzzParseShare takes anything without a panic, and nothing out of range.
func FuzzParseShare(f *testing.F) {
	for _, s := range []string{"50%", "0.5", "", "%", "1e-3%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseShare(s); err == nil && !(v >= 0 && v <= 1) {
			t.Errorf("ParseShare(%q) is %v", s, v)
		}
	})
}
