package console

import (
	"math"
	"testing"
)

func TestQuota(t *testing.T) {
	set := func(text string, bytes bool) (n int64, err error) {
		err = Quota{&n, bytes}.Set(text)
		return n, err
	}
	for text, want := range sizes {
		if got, err := set(text, true); (err == nil) != (want > 0) || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range noSizes {
		if got, err := set(text, true); err == nil || err.Error() != errSize.Error()+", or none" {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]int64{"1": 1, "10000000": 10_000_000, "0": 0, "-1": 0, "1KiB": 0, "1B": 0, "": 0} {
		if got, err := set(text, false); (err == nil) != (want > 0) || got != want {
			t.Errorf("%q variables: %d, %v", text, got, err)
		}
	}
	for _, bytes := range []bool{false, true} {
		if got, err := set("none", bytes); err != nil || got != math.MaxInt64 {
			t.Errorf("none: %d, %v", got, err)
		}
	}
	for n, want := range map[int64]string{0: "unknown", 12: "12", math.MaxInt64: "none"} {
		if got := QuotaText(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
