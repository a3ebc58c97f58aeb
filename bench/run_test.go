package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// testConfig is a short run in which each check has something to check.
func testConfig() Config {
	cfg := Defaults()
	cfg.Nodes, cfg.Clients, cfg.Keys = 3, 5, 20
	cfg.Strong, cfg.Adds, cfg.CAS, cfg.Dels = 0.1, 0.1, 0.1, 0.1
	cfg.Warmup, cfg.Duration = 20*time.Millisecond, 50*time.Millisecond
	return cfg
}

// runFake makes a run on a fake group, in a bubble where time stands still
// unless everybody waits.
func runFake(ctx context.Context, t *testing.T, cfg Config, g *fakeGroup) *report.Report {
	t.Helper()
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	report, err := r.onSystem(ctx, g.start)
	if err != nil {
		t.Fatal(err)
	}
	if !g.stopped {
		t.Error("the group was not stopped")
	}
	return report
}

func TestRunPasses(t *testing.T) {
	for _, writes := range []float64{0, 0.5, 1} {
		for _, rate := range []float64{0, 5000} {
			for _, dist := range []string{load.Uniform, load.Zipfian} {
				synctest.Test(t, func(t *testing.T) {
					cfg := testConfig()
					cfg.Writes, cfg.Rate, cfg.Dist = writes, rate, dist
					r := runFake(t.Context(), t, cfg, newFakeGroup(3))
					if !r.Pass || r.Errors > 0 {
						t.Fatalf("writes %v, rate %v, %s: %v %v", writes, rate, dist, r.Failures, r.Checks)
					}
					for _, c := range r.Checks {
						if reads := c.Name == "strong reads" || c.Name == "freshness"; c.Events == 0 && !(reads && writes == 1) {
							t.Errorf("writes %v: %s had nothing to check", writes, c.Name)
						}
					}
				})
			}
		}
	}
}

// TestRunFigures counts what must come out when an operation takes exactly
// 100 us and nothing else takes any time.
func TestRunFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runFake(t.Context(), t, testConfig(), newFakeGroup(3))
		var all report.Row
		for _, row := range r.Operations {
			if row.Node == "" && row.Op == "all" {
				all = row
			}
		}
		if want := int64(5 * 500); all.Count != want {
			t.Errorf("%d operations count, want %d", all.Count, want)
		}
		if all.PerSecond != 50_000 || r.Seconds != 0.05 {
			t.Errorf("%v ops/s in %v s, want 50000 in 0.05", all.PerSecond, r.Seconds)
		}
		if all.P50 < 100_000 || all.Max > 100_100 {
			t.Errorf("latencies from %d to %d ns, want 100000", all.P50, all.Max)
		}
		nodes := int64(0)
		for _, row := range r.Operations {
			if row.Node != "" && row.Op == "all" {
				nodes += row.Count
			}
		}
		if nodes != all.Count {
			t.Errorf("%d operations by node, %d in all", nodes, all.Count)
		}
		if h := r.Histograms; len(h) != 2 || h[0].Count+h[1].Count != all.Count || h[0].Buckets[len(h[0].Buckets)-1].UpTo < 100_000 {
			t.Errorf("histograms %+v", h)
		}
	})
}

// TestRunOpenLoop holds a group that stalls against a schedule: the stall must
// be seen by all operations that should have begun in it.
func TestRunOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Clients, cfg.Rate = 1, 1000
		cfg.Warmup, cfg.Duration = 50*time.Millisecond, 200*time.Millisecond
		g := newFakeGroup(1)
		g.tamper = func(n int, _ *load.Request, _ *load.Answer) {
			if n == cfg.Keys+150 {
				time.Sleep(50 * time.Millisecond) //nolint:forbidigo // in a bubble
			}
		}
		r := runFake(t.Context(), t, cfg, g)
		all := r.Operations[slices.IndexFunc(r.Operations, func(row report.Row) bool { return row.Op == "all" })]
		if all.Count != 200 {
			t.Errorf("%d operations, want 200", all.Count)
		}
		// 50 of 200 were due in the stall, so a tenth waited 25 ms or more.
		if all.P90 < int64(20*time.Millisecond) {
			t.Errorf("p90 is %v: the stall is hidden", time.Duration(all.P90))
		}
	})
}

func TestRunTellsWhatWasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Clients, cfg.Rate = 1, 20_000 // the client can do 10,000 a second
		r := runFake(t.Context(), t, cfg, newFakeGroup(1))
		if !slices.ContainsFunc(r.Notes, func(s string) bool {
			return strings.Contains(s, "20,000 ops/s offered, 10,000 done; 500 operations were due and not begun at the end, 200 at")
		}) {
			t.Errorf("notes %q do not tell of the rate that was not kept", r.Notes)
		}
		// The backlog of the warm-up took none of the 50 ms that count, and what
		// was in flight at their end is not done in them.
		if row := report.All(r.Operations); !r.Pass || row.PerSecond != 10_000 || row.Count != 500 {
			t.Errorf("pass %v %q, %v ops/s, %d operations", r.Pass, r.Failures, row.PerSecond, row.Count)
		}
	})
}

// TestRunInFlight does not take what ended too late for done in time.
func TestRunInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Clients, cfg.Warmup = 1, 0
		g := newFakeGroup(1)
		g.tamper = func(n int, _ *load.Request, _ *load.Answer) {
			if n == cfg.Keys+101 {
				time.Sleep(time.Second) //nolint:forbidigo // in a bubble
			}
		}
		r := runFake(t.Context(), t, cfg, g)
		if row := report.All(r.Operations); row.Count != 101 || row.PerSecond != 100/0.05 || row.Max < int64(time.Second) {
			t.Errorf("%d operations, %v ops/s, at most %d ns", row.Count, row.PerSecond, row.Max)
		}
	})
}

// TestRunInterruptedEarly does not pass when nothing was measured.
func TestRunInterruptedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel) // in the warm-up
		r := runFake(ctx, t, testConfig(), newFakeGroup(2))
		if !r.Interrupted || r.Pass || !slices.Equal(r.Failures, []string{"interrupted before anything was measured"}) {
			t.Errorf("interrupted %v, pass %v %q", r.Interrupted, r.Pass, r.Failures)
		}
	})
	for name, change := range map[string]func(*Config){
		"a group of this process": func(*Config) {}, "processes": func(c *Config) { c.Processes = true },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		cfg := shortConfig()
		change(&cfg)
		if r, err := Run(ctx, cfg, program.Env{}); r != nil || !errors.Is(err, program.ErrInterrupted) {
			t.Errorf("%s: report %v, error %v", name, r, err)
		}
	}
}

// TestRunFails proves that what the checks find reaches the verdict.
func TestRunFails(t *testing.T) {
	stale := func(n int, r *load.Request, a *load.Answer) {
		if n > 100 && r.Kind == history.Get && a.Value != nil {
			a.Value = []byte("never written")
		}
	}
	swapped := func(node string, d *wire.Delivery) bool {
		if node == "n2" && d.First == 50 {
			d.Effects = []byte{d.Effects[0] ^ 1}
		}
		return true
	}
	silent := func(node string, d *wire.Delivery) bool { return node != "n3" || d.First < 60 }
	for _, test := range []struct {
		name, check string
		spoil       func(*fakeGroup)
	}{
		{"a value never written", "reads", func(g *fakeGroup) { g.tamper = stale }},
		{"nodes that differ", "total order", func(g *fakeGroup) { g.split = swapped }},
		{"a node that falls silent", "total order", func(g *fakeGroup) { g.split = silent }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newFakeGroup(3)
				test.spoil(g)
				r := runFake(t.Context(), t, testConfig(), g)
				if r.Pass || len(r.Failures) == 0 || !strings.HasPrefix(r.Failures[0], test.check+":") {
					t.Errorf("pass %v, failures %q, want one of %q", r.Pass, r.Failures, test.check)
				}
			})
		})
	}
}

func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(40*time.Millisecond, cancel)
		r := runFake(ctx, t, testConfig(), newFakeGroup(2))
		if !r.Interrupted || !r.Pass {
			t.Errorf("interrupted %v, pass %v %q", r.Interrupted, r.Pass, r.Failures)
		}
		if r.Seconds <= 0 || r.Seconds >= 0.05 {
			t.Errorf("%v s count, want a part of 0.05", r.Seconds)
		}
	})
}

func TestRunTellsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGroup(2)
		g.refuse = func(n int) error {
			if n == 1000 {
				return errors.New("no room at the inn")
			}
			return nil
		}
		r := runFake(t.Context(), t, testConfig(), g)
		if !r.Pass || r.Errors != 1 || !strings.Contains(strings.Join(r.Notes, "\n"), "no room at the inn") {
			t.Errorf("pass %v, %d errors, notes %q", r.Pass, r.Errors, r.Notes)
		}
	})
}
