package compare

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

func rate(row, system string, perSecond ...float64) (m []Measurement) {
	for i, r := range perSecond {
		m = append(m, Measurement{Round: i + 1, Row: row, System: system, Result: load.Result{PerSecond: r}})
	}
	return m
}

func latency(row, system string, l ...time.Duration) (m []Measurement) {
	for i, d := range l {
		m = append(m, Measurement{Round: i + 1, Row: row, System: system, Result: load.Result{P50: d, P99: 2 * d}})
	}
	return m
}

// one finds the comparison of a row with a system.
func one(t *testing.T, done []Measurement, row, against string) Comparison {
	t.Helper()
	for _, c := range Compare(done) {
		if c.Row == row && strings.Contains(c.Against, against) {
			return c
		}
	}
	t.Fatalf("%s is not compared with %s", row, against)
	return Comparison{}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{5: {5}, 2.5: {3, 2}, 3: {9, 1, 3}, 4: {5, 3, 100, 1}} {
		if got := median(values); got != want {
			t.Errorf("the median of %v is %g, not %g", values, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	done := slices.Concat(
		rate("w256", systems.DSM, 150, 170, 160), rate("w256", systems.NATS, 25, 10, 20),
		rate("w256", systems.RedisWait, 21, 21, 21),
	)
	c := one(t, done, "w256", systems.NATS)
	if c.Ratio != 8 || c.Outcome != Met || c.Ours.Min != 150 || c.Ours.Max != 170 || c.Theirs.Median != 20 {
		t.Errorf("%+v", c)
	}
	if c := one(t, done, "w256", systems.RedisWait); c.Outcome != NotMet {
		t.Errorf("%+v", c)
	}
	if c := one(t, done, "w256", systems.Etcd); c.Outcome != NotMeasured || c.Ratio != 0 {
		t.Errorf("%+v", c)
	}
}

func TestLatencies(t *testing.T) {
	done := slices.Concat(
		latency("w1", systems.DSM, 140*time.Microsecond), latency("w1", systems.RedisWait, 150*time.Microsecond),
		latency("rtt", systems.Echo, 32*time.Microsecond),
	)
	if c := one(t, done, "w1", systems.RedisWait); c.Outcome != NotMet || c.Ratio < 0.93 || c.Ratio > 0.94 {
		t.Errorf("%+v", c)
	}
	// Three round trips of 32 us are 96.
	if c := one(t, done, "w1", systems.Echo); c.Outcome != Met || c.Ratio < 1.45 || c.Ratio > 1.46 {
		t.Errorf("%+v", c)
	}
}

func TestBest(t *testing.T) {
	failed := rate("m256", systems.NATS, 900)
	failed[0].Error = "it fell over"
	done := slices.Concat(
		rate("m256", systems.DSM, 700), rate("m256", systems.Etcd, 50), rate("m256", systems.ZooKeeper, 100), failed,
		latency("p99", systems.DSM, time.Millisecond), latency("p99", systems.Etcd, 4*time.Millisecond), latency("p99", systems.NATS, 3*time.Millisecond),
	)
	if c := one(t, done, "m256", "best"); c.Against != "best replicated (zookeeper)" || c.Ratio != 7 || c.Outcome != Met {
		t.Errorf("%+v", c)
	}
	if c := one(t, done, "p99", "best"); c.Against != "best replicated (nats)" || c.Outcome != Met {
		t.Errorf("%+v", c)
	}
}

func TestGaps(t *testing.T) {
	unable := rate("async", systems.DSM, 0)
	unable[0].Error, unable[0].Unable = "no", true
	failed := rate("r256", systems.DSM, 0)
	failed[0].Error = "no"
	done := slices.Concat(unable, rate("async", systems.NATS, 5), failed, rate("r256", systems.Redis, 5))
	if c := one(t, done, "async", systems.NATS); c.Outcome != NotBuilt || c.Ratio != 0 {
		t.Errorf("%+v", c)
	}
	if c := one(t, done, "r256", systems.Redis); c.Outcome != Failed || c.Ratio != 0 {
		t.Errorf("%+v", c)
	}
	var out bytes.Buffer
	if err := WriteTable(&out, Compare(done)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not built", "failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, out.String())
		}
	}
}

func TestTable(t *testing.T) {
	done := slices.Concat(rate("big", systems.DSM, 10_000, 12_000, 11_000), rate("big", systems.FanOut, 20_000))
	var out bytes.Buffer
	if err := WriteTable(&out, Compare(done)); err != nil {
		t.Fatal(err)
	}
	// 11,000 values of 65,536 bytes are 721 MB.
	for _, want := range []string{"721 (655..786)", "1,311 (1,311..1,311)", "0.55", ">= 0.4", "met"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, out.String())
		}
	}
}

func TestShow(t *testing.T) {
	for want, got := range map[string]string{
		"1,234,568": show(Rate, 1234567.6), "12": show(Rate, 12), "217 us": show(P50, 217e-6), "1.40 ms": show(P99, 1.4e-3),
		"34.2 ms": show(P50, 34.2e-3), "2.00 s": show(P50, 2), "0.500 us": show(P50, 5e-7),
	} {
		if got != want {
			t.Errorf("%q is shown as %q", want, got)
		}
	}
}

// TestPlan holds that what a point needs comes with it, and before it.
func TestPlan(t *testing.T) {
	turns := plan(Rows(), systems.All(), regexp.MustCompile("^p99/nats$"))
	if len(turns) != 1 || turns[0].spec.Name != systems.NATS {
		t.Fatalf("%+v", turns)
	}
	var names []string
	for _, r := range turns[0].rows {
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"w1024", "p99"}) {
		t.Errorf("%v", names)
	}
}

// TestRows holds that each row names systems and rows that there are.
func TestRows(t *testing.T) {
	rows, known := Rows(), map[string]bool{"": true}
	for _, s := range systems.All() {
		known[s.Name] = true
	}
	seen := map[string]bool{"": true}
	for _, r := range rows {
		if seen[r.Name] || !seen[r.Needs] {
			t.Errorf("%s comes twice, or before what it needs", r.Name)
		}
		seen[r.Name] = true
		for _, s := range append(slices.Clone(r.Also), r.Ours) {
			if !known[s] {
				t.Errorf("%s names %q, which there is not", r.Name, s)
			}
		}
		for _, a := range r.Aims {
			if len(a.Systems) == 0 || !seen[a.Row] {
				t.Errorf("%s has an aim beside nothing", r.Name)
			}
			for _, s := range a.Systems {
				if !known[s] {
					t.Errorf("%s names %q, which there is not", r.Name, s)
				}
			}
		}
	}
}
