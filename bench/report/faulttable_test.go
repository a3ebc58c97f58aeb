package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultTable(t *testing.T) {
	limit := int64(3 * time.Second)
	f := &FaultReport{
		Schedule: "kill:n2@3s,restart:n2@6s,pause:n1@7s+9s,cut:n3@8s+2s,reset:n1-n2@9s", Seed: 7,
		Detection: int64(2 * time.Second), Limit: limit,
		Faults: []FaultRow{
			{Fault: "kill:n2@3s", Seconds: 3.01, WithoutWrite: int64(2100 * time.Millisecond)},
			{Fault: "restart:n2@6s", Seconds: 6, WithoutRead: int64(4 * time.Second), Limit: limit, Exceeds: true},
			{Fault: "pause:n1@7s+9s", Seconds: 7, WithoutWrite: int64(9 * time.Second), Apart: "overlaps cut:n3@8s+2s"},
			{Fault: "cut:n3@8s+2s", Seconds: 8, Error: "no way"},
			{Fault: "reset:n1-n2@9s", Seconds: -1},
			{Fault: "cut:n2@30s+1s", Seconds: 30, Apart: "overlaps pause:n1@29s+4s", Settles: true, AfterRead: int64(2 * time.Second), Limit: limit},
			{Fault: "cut:n2@40s+1s", Seconds: 40, Apart: "overlaps pause:n1@39s+4s", Settles: true, Exceeds: true, AfterWrite: int64(9 * time.Second), Limit: limit},
			{Fault: "slow@50s+9s=1MiB/s", Seconds: 50, WithoutWrite: int64(5 * time.Second), Limit: 4 * limit},
			{Fault: "slow@60s+9s=1MiB/s", Seconds: 60, WithoutWrite: int64(7 * time.Second), Limit: 2 * limit, Exceeds: true},
		},
		Seconds: []Second{{Reads: 500, Writes: 300}, {}, {Writes: 1}, {Reads: 400}},
	}
	f.Verdict = f.Judge()
	var out strings.Builder
	s := &Sink{w: &out, width: 200}
	s.faults(f)
	if s.Err != nil {
		t.Fatal(s.Err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(out.String(), "│", "|")), " ")
	for _, want := range []string{
		`faults (seed 7): --faults "kill:n2@3s,restart:n2@6s,`,
		"| 3.0 s | kill:n2@3s | 2.10 s | < 50.0 ms | ok |",
		"| restart:n2@6s | < 50.0 ms | 4.00 s | FAIL: above 3.00 s |",
		"| 9.00 s | < 50.0 ms | apart: overlaps cut:n3@8s+2s |",
		"FAIL: no way |",
		"| - | reset:n1-n2@9s | - | - | did not happen |",
		"| apart: overlaps pause:n1@29s+4s; after it 2.00 s: ok |",
		"| FAIL: above 3.00 s (after it 9.00 s) |",
		"| slow@50s+9s=1MiB/s | 5.00 s | < 50.0 ms | ok: at most 12.0 s |",
		"| slow@60s+9s=1MiB/s | 7.00 s | < 50.0 ms | FAIL: above 6.00 s |",
		"3 of 7 faults cost more than 3.00 s without a success (detection time 2.00 s + 1.00 s); the limit was higher while links were slow; 3 apart, which overlap others: those count as one, judged after it",
		"operations in each 1.00 s, at most 800",
		"0 s█·▁▅",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	want := []string{
		"restart:n2@6s: < 50.0 ms without a write, 4.00 s without a read, of at most 3.00 s",
		"cut:n3@8s+2s: no way",
		"after cut:n2@40s+1s and what overlaps it: 9.00 s without a write, < 50.0 ms without a read, of at most 3.00 s",
		"slow@60s+9s=1MiB/s: 7.00 s without a write, < 50.0 ms without a read, of at most 6.00 s",
	}
	if diff := cmp.Diff(want, f.Failures(true)); diff != "" {
		t.Errorf("failures (want, got): %s", diff)
	}
}

// A long run is drawn in a bounded number of lines.
func TestThroughputOfALongRun(t *testing.T) {
	var out strings.Builder
	s := &Sink{w: &out, width: 60}
	s.throughput(make([]Second, 24*3600))
	if n := strings.Count(out.String(), "\n"); s.Err != nil || n < 5 || n > maxThroughputLines+2 {
		t.Errorf("%d lines, %v", n, s.Err)
	}
}
