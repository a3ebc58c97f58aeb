package compare

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// rate has a round for each figure.
func rate(row, system string, perSecond ...float64) (m []Measurement) {
	for i, r := range perSecond {
		m = append(m, Measurement{Round: i + 1, Row: row, System: system, Result: point.Result{PerSecond: r}})
	}
	return m
}

// latency has a round for each p50; the p99 is twice as long.
func latency(row, system string, l ...time.Duration) (m []Measurement) {
	for i, d := range l {
		m = append(m, Measurement{Round: i + 1, Row: row, System: system, Result: point.Result{P50: d, P99: 2 * d}})
	}
	return m
}

// offered is a point at an offered rate, of which so much was reached.
func offered(row, system string, reached float64, p50 time.Duration) []Measurement {
	m := latency(row, system, p50)
	m[0].Result.PerSecond, m[0].Result.Late = reached, p50/10
	return m
}

func failed(row, system string) []Measurement {
	m := rate(row, system, 900)
	m[0].Error = "it fell over"
	return m
}

// line finds the comparison of a row with a system.
func line(t *testing.T, done []Measurement, row, system string) Line {
	t.Helper()
	for _, l := range Compare(done) {
		if l.Row == row && l.System == system {
			return l
		}
	}
	t.Fatalf("%s is not compared with %s", row, system)
	return Line{}
}

func TestRates(t *testing.T) {
	done := slices.Concat(
		rate("w256", systems.DSM, 150, 170, 160), rate("w256", systems.NATS, 25, 10, 20),
		rate("w256", systems.Redis, 240, 260, 250), rate("w256", systems.Etcd, 155, 154, 156), rate("w256", systems.RedisWait, 100, 165, 145),
	)
	for system, want := range map[string]string{
		systems.NATS: "8.0 times ahead", systems.Redis: "1.56 times behind", systems.Etcd: "level",
		systems.RedisWait: "1.10 times ahead, within the spread",
	} {
		l := line(t, done, "w256", system)
		if got := l.Versus[0].Words; got != want {
			t.Errorf("beside %s dsm is %q, not %q", system, got, want)
		}
	}
	l := line(t, done, "w256", systems.DSM)
	if f := l.Figures[0]; !l.Ours || f.Median != 160 || f.Min != 150 || f.Max != 170 || f.Rounds != 3 {
		t.Errorf("%+v", l)
	}
}

// TestEvents: each write that was sent to 100 watchers counts as 100 events.
func TestEvents(t *testing.T) {
	done := slices.Concat(rate("f64", systems.DSM, 60, 50), rate("f64", systems.Etcd, 10))
	l := line(t, done, "f64", systems.Etcd)
	if v := l.Versus[0]; v.Ours.Median != 5500 || v.Ours.Min != 5000 || v.Theirs.Median != 1000 || v.Words != "5.5 times ahead" {
		t.Errorf("%+v", v)
	}
	if r, _ := rowNamed("f64"); r.Watchers != 100 || !strings.Contains(done[0].text(r), "60/s; 6,000 events/s") {
		t.Errorf("%d watchers, %q", r.Watchers, done[0].text(r))
	}
}

func TestLatencies(t *testing.T) {
	done := slices.Concat(
		latency("w1", systems.DSM, 200*time.Microsecond), latency("w1", systems.RedisWait, 100*time.Microsecond),
		latency("w1", systems.Etcd, 5*time.Millisecond),
	)
	for system, want := range map[string]string{systems.RedisWait: "2.0 times behind", systems.Etcd: "25 times ahead"} {
		l := line(t, done, "w1", system)
		if got := l.Versus[0].Words; got != want {
			t.Errorf("beside %s dsm is %q, not %q", system, got, want)
		}
	}
}

// TestOffered: latencies are compared among those that do what is offered.
func TestOffered(t *testing.T) {
	done := slices.Concat(
		offered("o5000", systems.DSM, 4990, 400*time.Microsecond), offered("o5000", systems.RedisWait, 4950, 600*time.Microsecond),
		offered("o5000", systems.Etcd, 4800, 300*time.Millisecond),
		offered("o15000", systems.DSM, 9000, time.Second), offered("o15000", systems.NATS, 14_950, time.Millisecond),
		offered("o15000", systems.Etcd, 5000, time.Second),
	)
	for _, c := range []struct{ row, system, p50, p99 string }{
		{"o5000", systems.RedisWait, "1.50 times ahead", "1.50 times ahead"},
		{"o5000", systems.Etcd, "ahead: etcd does not keep up", "ahead: etcd does not keep up"},
		{"o15000", systems.NATS, "behind: it does not keep up", "behind: it does not keep up"},
		{"o15000", systems.Etcd, "neither keeps up", "neither keeps up"},
	} {
		l := line(t, done, c.row, c.system)
		if len(l.Versus) != 2 || l.Versus[0].Words != c.p50 || l.Versus[1].Words != c.p99 {
			t.Errorf("%s beside %s: %+v", c.row, c.system, l.Versus)
		}
	}
	text := (&Report{Measurements: done}).Markdown()
	for _, want := range []string{"only 4,800/s", "only 9,000/s", "600 us", "1.20 ms", "60.0 us"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "300 ms") {
		t.Errorf("the report has the latency of a system that does not keep up:\n%s", text)
	}
}

// TestGaps: what was not measured, failed, or cannot be done is said, and not
// compared.
func TestGaps(t *testing.T) {
	unable := failed("async", systems.DSM)
	unable[0].Unable = true
	done := slices.Concat(
		unable, rate("async", systems.NATS, 5), failed("r256", systems.DSM), rate("r256", systems.Redis, 5),
		rate("w256", systems.Redis, 5), rate("m256", systems.DSM, 5), failed("m256", systems.NATS), rate("m256", systems.Etcd, 0),
	)
	for _, p := range [][2]string{
		{"async", systems.NATS}, {"r256", systems.Redis}, {"w256", systems.Redis}, {"m256", systems.NATS}, {"m256", systems.Etcd},
	} {
		l := line(t, done, p[0], p[1])
		if v := l.Versus[0]; v.Words != "not compared" || v.Ahead != 0 {
			t.Errorf("%v: %+v", p, v)
		}
	}
	report := &Report{Measurements: done}
	text := report.Markdown()
	for _, want := range []string{"not possible", "failed", "not measured"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	if !report.Failed() || (&Report{Measurements: unable}).Failed() {
		t.Error("what failed, or cannot be done, is not told from what was measured")
	}
	for _, l := range Compare(done) {
		if l.Row == "w1" || l.Row == "ew1" {
			t.Errorf("%+v, of which nothing was measured", l)
		}
	}
}

// TestDisturbed: a figure beside which something else ran has a mark.
func TestDisturbed(t *testing.T) {
	done := slices.Concat(rate("w256", systems.DSM, 100, 101), rate("w256", systems.NATS, 50, 51))
	quiet := &Report{Measurements: done}
	if strings.Contains(quiet.Markdown(), "something else") {
		t.Errorf("a mark that nothing has:\n%s", quiet.Markdown())
	}
	done[2].Use = noise.Use{Seconds: 4, Others: 0.3}
	text := (&Report{Measurements: done}).Markdown()
	for _, want := range []string{"51 (50..51) *", "`*`: something else ran"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestShow(t *testing.T) {
	for want, got := range map[string]string{
		"1,234,568": show(Rate, 1234567.6), "12": show(Rate, 12), "217 us": show(P50, 217e-6), "1.40 ms": show(P99, 1.4e-3),
		"31.4": show(Bandwidth, 31.4), "833": show(Bandwidth, 833.4), "12,345": show(Events, 12345.4), "34.2 ms": show(P50, 34.2e-3), "2.00 s": show(P50, 2), "0.500 us": show(P50, 5e-7),
	} {
		if got != want {
			t.Errorf("%q is shown as %q", want, got)
		}
	}
}

// TestRows holds that each row names systems that there are, and has no twin.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		if seen[r.Name] || len(r.Metrics) == 0 || r.Keys == 0 || r.Value == 0 || r.Client == 0 {
			t.Errorf("%+v comes twice, or measures nothing", r)
		}
		seen[r.Name] = true
		for _, s := range append(slices.Clone(r.Beside), r.Ours) {
			spec, known := systems.Named(s)
			if r.Group != NoGroup && (!known || spec.Limit) {
				t.Errorf("%s names %q, which there is not, or is no system", r.Name, s)
			}
		}
		if r.Rate > 0 && (r.Group != Offered || len(r.Metrics) != 2) || r.Rate == 0 && r.Group != NoGroup && len(r.Metrics) != 1 {
			t.Errorf("%s does not fit into its table", r.Name)
		}
	}
	for _, system := range others {
		for _, row := range []string{"o1000", "o5000", "o15000", "big", "w256", "w1"} {
			if r, known := rowNamed(row); !known || !slices.Contains(r.Beside, system) {
				t.Errorf("%s is not measured on %s", row, system)
			}
		}
	}
}

// TestAims holds that the project's own can be judged.
func TestAims(t *testing.T) {
	aims, err := ReadAims("../aims.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(aims) == 0 {
		t.Error("there are none")
	}
	if _, err := ReadAims("aims.go"); err == nil {
		t.Error("a Go program is no file of aims")
	}
	for name, aim := range map[string]Aim{
		"no row": {Row: "w3", Against: []string{systems.NATS}, Ratio: 1}, "ours is not in it": {Row: "rtt", Against: []string{systems.Echo}, Ratio: 1},
		"beside nothing": {Row: "w256", Ratio: 1}, "no other row": {Row: "w256", In: "w3", Against: []string{systems.NATS}, Ratio: 1},
		"no ratio": {Row: "w256", Against: []string{systems.NATS}}, "no system": {Row: "w256", Against: []string{"oracle"}, Ratio: 1},
		"no metric": {Row: "w256", Metric: P99, Against: []string{systems.NATS}, Ratio: 1},
	} {
		if err := aim.complete(); !errors.Is(err, errAim) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJudge(t *testing.T) {
	done := slices.Concat(
		rate("w256", systems.DSM, 150, 170, 160), rate("w256", systems.NATS, 20), rate("w256", systems.RedisWait, 21), failed("w256", systems.Etcd),
		latency("w1", systems.DSM, 140*time.Microsecond), latency("rtt", systems.Echo, 32*time.Microsecond),
		offered("o5000", systems.DSM, 4990, time.Millisecond), offered("o5000", systems.NATS, 4990, 3*time.Millisecond),
		offered("o5000", systems.Etcd, 100, 2*time.Microsecond), failed("o5000", systems.RedisWait),
		offered("o15000", systems.DSM, 100, time.Millisecond), offered("o15000", systems.NATS, 15_000, 3*time.Millisecond),
	)
	replicated := []string{systems.RedisWait, systems.Etcd, systems.NATS}
	aims := []Aim{
		{Row: "w256", Against: []string{systems.NATS}, Ratio: 8},
		{Row: "w256", Against: []string{systems.RedisWait}, Ratio: 8},
		{Row: "w256", Against: []string{systems.Etcd}, Ratio: 8},
		{Row: "w256", Against: []string{systems.Redis}, Ratio: 8},
		{Row: "w1", Against: []string{systems.Echo}, In: "rtt", Times: 3, Ratio: 1.5}, // 96 us
		{Row: "o5000", Metric: P99, Against: replicated, Ratio: 0.5},
		{Row: "o15000", Against: []string{systems.NATS}, Ratio: 0.5},
		{Row: "r1", Against: []string{systems.Redis}, Ratio: 1},
	}
	for i := range aims {
		if err := aims[i].complete(); err != nil {
			t.Fatal(err)
		}
	}
	var got []Outcome
	judgments := Judge(done, aims)
	for _, j := range judgments {
		got = append(got, j.Outcome)
	}
	if want := []Outcome{Met, NotMet, Failed, NotMeasured, Met, Met, Behind}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if judgments[5].Against != systems.NATS {
		t.Errorf("the best that keeps up is %s", judgments[5].Against)
	}
	table := JudgmentTable(judgments)
	for _, want := range []string{"8.00", ">= 8", "<= 1.5", "1.46", "NOT met", string(Behind)} {
		if !strings.Contains(table, want) {
			t.Errorf("the table does not say %q:\n%s", want, table)
		}
	}
}
