//go:build unix

package bench

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/check"
)

// faultyConfig is a run on three processes with which things go wrong.
func faultyConfig(faults string, duration time.Duration) Config {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Writes = 3, 6, 0.5
	cfg.Faults, cfg.Duration = faults, duration
	return cfg
}

// TestRealFaults does to real processes what can be done, and has the checks, and
// those of a program that shares no code with them, look at all of it. How long the
// group takes depends on the machine, and is not looked at.
func TestRealFaults(t *testing.T) {
	checker := buildChecker(t)
	cfg := faultyConfig("kill:n2@300ms,restart:n2@600ms,pause:n3@2s+300ms,cut:n1-n2@2500ms+300ms,reset:n1-n3@3s,"+
		"cut:n3>registry@3200ms+200ms,registry@3500ms+500ms,diskfull@4200ms+500ms,slow@5s+1s=1MiB/s,slow:n2@5500ms+1s=256KiB/s,"+
		"leave:n1@6s+300ms,kill:n1+n3@7s+300ms", 10*time.Second)
	dir := t.TempDir()
	cfg.HistoryFile, cfg.DeliveryLogDir = filepath.Join(dir, "history"), filepath.Join(dir, "logs")
	rep, err := Run(t.Context(), cfg, program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rep.Checks {
		if !c.Pass() {
			t.Errorf("%s: %q", c.Name, c.Texts)
		}
	}
	s, err := fault.Parse(cfg.Faults)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Faults.Schedule != s.String() || len(rep.Faults.Faults) != len(s) || rep.Faults.Surprises > 0 || len(rep.Lost) > 0 {
		t.Errorf("faults %+v, lost %+v", rep.Faults, rep.Lost)
	}
	for _, row := range rep.Faults.Faults {
		if row.Seconds < 0 || row.Error != "" {
			t.Errorf("%+v", row)
		}
	}
	for _, failure := range rep.Failures {
		if !strings.Contains(failure, "without a write") {
			t.Error(failure)
		}
	}
	secondOpinion(t, checker, &cfg)
}

// TestRealLinksAreSlow has no more written than slow links carry.
func TestRealLinksAreSlow(t *testing.T) {
	const rate = 256 << 10
	cfg := faultyConfig("slow@0s+1m=256KiB/s", 2*time.Second)
	cfg.Writes, cfg.Adds, cfg.CAS, cfg.Dels, cfg.ValueBytes, cfg.Keys = 1, 0, 0, 0, 64<<10, 6
	rep := passes(t, cfg)
	written := 0
	for _, s := range rep.Faults.Seconds {
		written += int(s.Writes) * cfg.ValueBytes
	}
	// Each member sends each value that its clients write over each of its links.
	if most := rate * cfg.Nodes * (int(cfg.Duration/time.Second) + 1); written > most {
		t.Errorf("%d bytes were written, of at most %d", written, most)
	}
}

// TestRealFaultsLoseState says so when nobody is left, and does not wait.
func TestRealFaultsLoseState(t *testing.T) {
	rep, err := Run(t.Context(), faultyConfig("kill:n1+n2@200ms,kill:n3@300ms", time.Minute), program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Pass || len(rep.Failures) != 1 || !strings.HasPrefix(rep.Failures[0], fault.ErrStateLost.Error()) {
		t.Errorf("pass %v, failures %q", rep.Pass, rep.Failures)
	}
}

// doomedFragile is likewise a group, with which things go wrong on purpose too.
type doomedFragile struct {
	*fragile
	fate
}

// Open begins a client's session.
func (d *doomedFragile) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := d.fragile.Open(ctx, client)
	return &fatedMemory{m, &d.fate}, err
}

// TestRealFaultsLoss fails a run in which a process dies that was not to.
func TestRealFaultsLoss(t *testing.T) {
	cfg := faultyConfig("kill:n2@100ms+100ms", time.Minute)
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	noticed := &awaited{to: t.Output(), text: "node n3 was lost", then: enough}
	r := &run{cfg: cfg, env: program.Env{Notices: noticed}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	rep, err := r.onSystem(ctx, func(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
		sys, options, err := startFaulty(ctx, cfg, env, s)
		if err != nil {
			return nil, options, err
		}
		b := sys.(*fragile)
		return &doomedFragile{fragile: b, fate: fate{victim: b.Newest("n3"), failed: func() {}}}, options, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Pass || len(rep.Lost) != 1 || rep.Lost[0].Node != "n3" || strings.Contains(strings.Join(rep.Failures, " "), "heal") {
		t.Errorf("pass %v, lost %+v, failures %q", rep.Pass, rep.Lost, rep.Failures)
	}
}
