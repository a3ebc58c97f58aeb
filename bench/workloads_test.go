package bench

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

// workloadConfig is a short run of a workload, with few variables.
func workloadConfig(t *testing.T, name string) Config {
	t.Helper()
	cfg := shortConfig()
	if err := cfg.UseWorkload(name, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	cfg.Keys, cfg.Watchers = 100, 0
	if cfg.QuotaVariables > 0 {
		cfg.QuotaVariables = int64(cfg.Keys / 2)
	}
	if cfg.TTL > 0 {
		cfg.TTL = 50 * time.Millisecond
	}
	return cfg
}

// runUntilDone makes a run on a group in this process, which ends when clients have done each
// of some kinds of operations n times.
func runUntilDone(t *testing.T, cfg Config, n int, kinds ...history.Kind) *report.Report {
	t.Helper()
	cfg.Duration = time.Minute
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	goal := &goal{left: make(map[history.Kind]int), reached: enough}
	for _, kind := range kinds {
		goal.left[kind] = n
	}
	if cfg.Name == "ttl" {
		goal.left[history.Txn] += cfg.Keys // which load the variables
	}
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	rep, err := r.onSystem(ctx, func(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
		sys, options, err := startInside(ctx, cfg, env, s)
		if err != nil {
			return nil, options, err
		}
		return &aspiring{sys.(*inside), goal}, options, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// goal is what clients are to do, and what happens then.
type goal struct {
	reached func()

	mu   sync.Mutex // guards left
	left map[history.Kind]int
}

func (g *goal) did(kind history.Kind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left[kind]--; g.left[kind] <= 0 {
		delete(g.left, kind)
	}
	if len(g.left) == 0 {
		g.reached()
	}
}

// aspiring is a group whose clients have a goal.
type aspiring struct {
	*inside
	goal *goal
}

// Open begins a client's session.
func (s *aspiring) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := s.inside.Open(ctx, client)
	return &aspiringMemory{m, s.goal}, err
}

type aspiringMemory struct {
	load.Memory
	goal *goal
}

// Do carries out a request.
func (m *aspiringMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	m.Memory.Do(ctx, r, a)
	m.goal.did(r.Kind)
}

// TestRealWorkloads runs each workload on real nodes, and has a program that shares no code
// with the checks look at what it did.
func TestRealWorkloads(t *testing.T) {
	checker := buildChecker(t)
	for name, kinds := range map[string][]history.Kind{
		"bank":    {history.Get, history.Txn, history.ReadRange, history.CountRange},
		"counter": {history.Get, history.Add},
		"fill":    {history.Get, history.Set, history.Delete},
		"rmw":     {history.Get, history.CompareAndSet, history.Txn},
		"scan":    {history.Get, history.Txn, history.ReadRange, history.CountRange},
		"ttl":     {history.Txn},
		"ycsb-a":  {history.Get, history.Set},
		"ycsb-b":  {history.Get},
		"ycsb-c":  {history.Get},
		"ycsb-d":  {history.Get},
		"ycsb-e":  {history.ReadRange},
		"ycsb-f":  {history.Get, history.CompareAndSet},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := workloadConfig(t, name)
			dir := t.TempDir()
			cfg.HistoryFile, cfg.DeliveryLogDir = filepath.Join(dir, "history"), filepath.Join(dir, "logs")
			n := 4
			if name == "fill" {
				n = 200 // so that clients fill what they have deleted again
			}
			r := runUntilDone(t, cfg, n, kinds...)
			if !r.Pass || r.Errors > 0 {
				t.Fatalf("failures %q, notes %q, checks %+v", r.Failures, r.Notes, r.Checks)
			}
			secondOpinion(t, checker, &cfg)
			for _, c := range r.Checks {
				if rare := []string{"strong reads", "freshness", "reads"}; c.Events == 0 && !slices.Contains(rare, c.Name) {
					t.Errorf("%s had nothing to check", c.Name)
				}
			}
			for _, kind := range kinds {
				if !slices.ContainsFunc(r.Operations, func(o report.Row) bool { return o.Op == string(kind) }) {
					t.Errorf("%s is not in the report", kind)
				}
			}
		})
	}
}

// TestRealBank ends with the same sum at all nodes, however they are reached.
func TestRealBank(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"embedded":  func(c *Config) { c.Embedded = true },
		"processes": func(c *Config) { c.Processes = true },
		"open loop": func(c *Config) { c.Rate = 500 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := workloadConfig(t, "bank")
			change(&cfg)
			r := passes(t, cfg)
			if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "bank: sum 100,000 at position ") || !strings.Contains(notes, " on n1, n2") {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

// TestRealExpiries waits until all variables have expired, one by one or together.
func TestRealExpiries(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"embedded":  func(c *Config) { c.Embedded = true },
		"processes": func(c *Config) { c.Processes = true },
		"watchers":  func(c *Config) { c.Watchers = 3 },
		"at once":   func(c *Config) { c.AtOnce = true },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := workloadConfig(t, "ttl")
			change(&cfg)
			r := passes(t, cfg)
			if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "variables expired, 0 early; late by p50 ") || cfg.AtOnce && !strings.Contains(notes, "ttl: 100 variables") {
				t.Errorf("notes %q", r.Notes)
			}
			if i := slices.IndexFunc(r.Checks, func(c check.Result) bool { return c.Name == "ttl" }); i < 0 || r.Checks[i].Events < uint64(cfg.Keys+cfg.Nodes) {
				t.Errorf("checks %+v", r.Checks)
			}
		})
	}
}

// TestRealWorkloadsOnATarget runs workloads on a group that runs already, among its other
// variables, and leaves none of their own there, also those that clients have inserted.
func TestRealWorkloadsOnATarget(t *testing.T) {
	own := shortConfig()
	sys, _, err := startInside(t.Context(), &own, program.Env{Notices: t.Output()}, &cluster.Feeds{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.Stop(); err != nil {
			t.Error(err)
		}
	})
	db := sys.(*inside).Handles[0]
	for _, key := range []string{"account/000001", "z"} {
		if _, err := db.Set(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bank", "counter", "rmw", "scan", "ycsb-d", "ycsb-e"} {
		cfg := workloadConfig(t, name)
		cfg.Target = "dsm://" + sys.(*inside).Nodes[0].Addr()
		passes(t, cfg)
		if n, err := db.Count(t.Context()); err != nil || n != 2 {
			t.Errorf("%s: %d variables are there, %v", name, n, err)
		}
	}
}
