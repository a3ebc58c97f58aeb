package join

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/program"
)

// TestRealJoin has a real node join real ones. How long anything takes is not
// looked at.
func TestRealJoin(t *testing.T) {
	cfg := Defaults()
	cfg.Nodes, cfg.Size, cfg.Clients, cfg.Baseline, cfg.After = 2, 4<<20, 4, program.LeastPhase, program.LeastPhase
	r, err := Run(t.Context(), cfg, program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Joined || r.Transfers == 0 || r.BaselineRate == 0 || r.JoinRate == 0 || len(r.Heaps) != 2 {
		t.Errorf("report %+v", r)
	}
	for _, h := range r.Heaps {
		if h.Before < uint64(cfg.Size) || h.Most < h.Before {
			t.Errorf("heap %+v with values of %d bytes", h, cfg.Size)
		}
	}
	if slices.ContainsFunc(r.Failures, func(f string) bool { return strings.Contains(f, "ended") || strings.Contains(f, "not acknowledged") }) {
		t.Errorf("failures %q", r.Failures)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "live heap of n1") {
		t.Errorf("error %v, text %s", err, text.String())
	}
}

// TestJoinRates has a rate of 100 a second, which a join at 2 s takes down to
// nothing for half a second, then to 40, and back.
func TestJoinRates(t *testing.T) {
	var counts []int
	put := func(buckets, each int) {
		for range buckets {
			counts = append(counts, each)
		}
	}
	put(10, 1000) // the warm-up does not count
	put(10, 10)
	put(5, 0)
	put(10, 4)
	put(10, 10)
	r := &Report{}
	r.rates(counts, time.Second, 2*time.Second, 3500*time.Millisecond)
	if r.BaselineRate != 100 || r.JoinRate != 56 || r.AfterRate != 100 || r.LowestRate != 0 || r.LowestAt != 500*time.Millisecond || r.Silence != 500*time.Millisecond {
		t.Errorf("rates %+v", r)
	}
	// A window ends each 100 ms. The third has 20 in half a second, the 16th 4 * 4 + 10:
	// from the third to the 15th all are below 25.
	if want := 1300 * time.Millisecond; r.BelowHalf != want {
		t.Errorf("below half for %v, want %v", r.BelowHalf, want)
	}
	if want := []float64{20, 70}; !slices.Equal(r.PerSecond, want) {
		t.Errorf("each second %v, want %v", r.PerSecond, want)
	}
	r.Heaps = []HeapGrowth{{Node: "n1", Before: 100, Most: 150}, {Node: "n2", Before: 100, Most: 151}}
	r.judge()
	if len(r.Failures) != 2 || !strings.Contains(r.Failures[0], "below half for 1.3s") || !strings.Contains(r.Failures[1], "n2 grew to 1.51 times") {
		t.Errorf("failures %q", r.Failures)
	}
}

func TestTally(t *testing.T) {
	var tl tally
	for _, after := range []time.Duration{0, bucketTime - 1, bucketTime, 5 * bucketTime, time.Duration(maxBuckets) * bucketTime} {
		tl.add(after)
	}
	if got := tl.buckets(3*bucketTime + 1); !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("counts %v", got)
	}
}

func TestJoinConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"--nodes 64":     func(c *Config) { c.Nodes = 64 },
		"--value-size 1": func(c *Config) { c.ValueBytes = 1 },
		"--size 4095":    func(c *Config) { c.Size = 4095 },
		"--clients 0":    func(c *Config) { c.Clients = 0 },
		"--baseline 0s":  func(c *Config) { c.Baseline = 0 },
		"--after 2h0m0s": func(c *Config) { c.After = 2 * time.Hour },
	} {
		cfg := Defaults()
		change(&cfg)
		if r, err := Run(t.Context(), cfg, program.Env{}); r != nil || !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("report %v, error %v, want one with %q that wraps ErrConfig", r, err, want)
		}
	}
}
