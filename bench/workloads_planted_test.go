//go:build planted

package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/planted"
)

// checkOf returns a check of a report, by its name.
func checkOf(t *testing.T, r *report.Report, name string) check.Result {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c check.Result) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s: %+v", name, r.Checks)
	}
	return r.Checks[i]
}

// TestPlantedWorkloads switches on, under each workload, a bug that its own invariant must
// find, whatever else does.
func TestPlantedWorkloads(t *testing.T) {
	for _, test := range []struct {
		workload, invariant string
		bug                 planted.Bug
		early               bool // the bug is on while the variables are loaded
		keys                int
	}{
		{"bank", "bank", planted.TxnHalfDone, false, 4},
		{"counter", "counter", planted.EarlyReturn, false, 4},
		{"rmw", "rmw", planted.TxnIfIgnored, false, 4},
		{"scan", "groups", planted.TxnHalfDone, false, 40},
		{"ycsb-a", "records", planted.EarlyReturn, false, 20},
		{"ycsb-b", "records", planted.EarlyReturn, false, 20},
		{"ycsb-c", "records", planted.EarlyReturn, true, 20},
		{"ycsb-d", "records", planted.EarlyReturn, false, 20},
		{"ycsb-e", "records", planted.EarlyReturn, false, 20},
		{"ycsb-f", "records", planted.EarlyReturn, false, 20},
		{"fill", "fill", planted.QuotaIgnored, false, 100},
		{"ttl", "ttl", planted.TimerFromCommand, true, 100},
	} {
		t.Run(test.workload, func(t *testing.T) {
			cfg := workloadConfig(t, test.workload)
			cfg.Clients, cfg.Duration, cfg.Keys = 16, 200*time.Millisecond, test.keys
			if cfg.QuotaVariables > 0 {
				cfg.Duration = 3 * time.Second // a group has its quota from its first tick on
			}
			spoiled := func(plant func(on bool)) *report.Report {
				p := &plantedGroup{plant: plant, keys: int64(cfg.Keys)}
				return p.run(t, cfg, test.early)
			}
			if r := spoiled(func(bool) {}); !r.Pass {
				t.Fatalf("without the bug: %q, %+v", r.Failures, r.Checks)
			}
			planted.With(t, test.bug)
			for range plantedRuns {
				r := spoiled(func(on bool) { planted.Set(test.bug, on) })
				if c := checkOf(t, r, test.invariant); !c.Pass() {
					planted.Set(test.bug, true)
					planted.Caught(t, test.bug, "dsmbench's check of "+test.invariant+": "+strings.Join(c.Texts[:1], ""))
					return
				}
			}
		})
	}
}
