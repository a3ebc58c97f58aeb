package main

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	throughput := workload{name: "writes/s", op: "writes"}
	got := throughput.line([]float64{100, 300, 200}, []float64{110, 270, 190})
	want := "old     200.0/s, new     190.0/s; new is 0.950 by medians, 0.950 by pairs (0.900 to 1.100)"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	latency := workload{name: "p50", op: "writes", latency: true}
	got = latency.line([]float64{100_000, 110_000}, []float64{200_000, 220_000})
	want = "old     105.0 us, new     210.0 us; new is 0.500 by medians, 0.500 by pairs (0.500 to 0.500)"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestValue(t *testing.T) {
	const text = `{"pass": true, "operations": [{"node": "n1", "op": "writes", "per_second": 1, "p50_ns": 2},
		{"node": "", "op": "reads", "per_second": 3, "p50_ns": 4}, {"node": "", "op": "writes", "per_second": 5, "p50_ns": 6}]}`
	for want, w := range map[float64]workload{3: {op: "reads"}, 5: {op: "writes"}, 6: {op: "writes", latency: true}} {
		if got, err := w.value([]byte(text)); got != want || err != nil {
			t.Errorf("%+v: %v, %v, want %v", w, got, err, want)
		}
	}
	for _, bad := range []string{"", `{"pass": true}`, strings.Replace(text, "true", "false", 1), strings.ReplaceAll(text, `"writes"`, `"sets"`)} {
		if got, err := (&workload{op: "writes"}).value([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}
