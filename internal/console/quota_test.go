package console

import (
	"math"
	"testing"
)

func TestQuota(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "500MiB": 500 << 20, "4 GiB": 4 << 30, "7B": 7, "2KiB": 2048, "1TiB": 1 << 40, "none": math.MaxInt64,
		"": 0, "0": 0, "-1": 0, "MiB": 0, "1.5GiB": 0, "9000000000GiB": 0, "5MB": 0,
	} {
		var got int64
		q := Quota{&got, true}
		if err := q.Set(text); (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	var got int64
	if err := (Quota{&got, false}).Set("1KiB"); err == nil {
		t.Error("a number of variables has a unit")
	}
	for n, want := range map[int64]string{0: "unknown", 12: "12", math.MaxInt64: "none"} {
		if got := QuotaText(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
