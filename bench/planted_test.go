//go:build planted

package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/planted"
)

// plantedRuns bounds the runs that try to show a bug. The first nearly always
// does.
const plantedRuns = 20

// TestPlanted switches on bugs that a short run on real nodes shows, and holds
// that the checks which dsmbench makes find them, in a run that passes without.
// The others need a schedule, or a crash, that only the simulation can arrange.
func TestPlanted(t *testing.T) {
	for _, test := range []struct {
		bug    planted.Bug
		loaded bool // the bug is on only once the variables are loaded
		joins  bool // a node joins under load
		change func(*Config)
	}{
		{bug: planted.EarlyReturn, loaded: true},
		// The fewer are preloaded, the fewer writes can fail before the load.
		{bug: planted.CollidingIDs, change: func(c *Config) { c.Keys = 1 }},
		// A variable that was deleted stays for reads of the past until its change is
		// forgotten, and only then can a read miss it: values this large see to it.
		{bug: planted.ReadMissInstalls, change: func(c *Config) { c.Dels, c.ValueBytes = 0.4, 16<<10 }},
		{bug: planted.JoinerMisses, joins: true, change: func(c *Config) { c.Writes, c.Duration = 1, 500*time.Millisecond }},
	} {
		t.Run(test.bug.String(), func(t *testing.T) {
			cfg := shortConfig()
			cfg.Clients, cfg.Duration = 16, 300*time.Millisecond
			if test.change != nil {
				test.change(&cfg)
			}
			spoiled := func(plant func(on bool)) *report.Report {
				p := &plantedGroup{plant: plant, joins: test.joins, keys: int64(cfg.Keys)}
				return p.run(t, cfg, !test.loaded)
			}
			if r := spoiled(func(bool) {}); !r.Pass {
				t.Fatalf("without the bug: %q, %+v", r.Failures, r.Checks)
			}
			planted.With(t, test.bug)
			for range plantedRuns {
				r := spoiled(func(on bool) { planted.Set(test.bug, on) })
				if by := caughtBy(r); by != "" {
					planted.Set(test.bug, true)
					planted.Caught(t, test.bug, by)
					return
				}
			}
		})
	}
}

// caughtBy names the checks that failed, and what the first of them saw.
func caughtBy(r *report.Report) string {
	names, first := "", ""
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Pass() {
			continue
		}
		if names == "" {
			names, first = c.Name, c.Texts[0]
		} else {
			names += ", " + c.Name
		}
	}
	if names == "" || r.Pass {
		return ""
	}
	return fmt.Sprintf("dsmbench's checks of %s: %s", names, first)
}

// plantedGroup is a group in this process that has a bug while its variables
// are in use, and none when the run asks for digests and ends.
type plantedGroup struct {
	*inside
	plant func(on bool)
	joins bool
	keys  int64

	ops     atomic.Int64
	once    sync.Once
	joining chan error // of the node that joins under load
}

// run makes a run. early has the bug on from before the first session.
func (p *plantedGroup) run(t *testing.T, cfg Config, early bool) *report.Report {
	t.Helper()
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.joining = make(chan error, 1)
	p.plant(early)
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	report, err := r.onSystem(t.Context(), p.start)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (p *plantedGroup) start(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	sys, options, err := startInside(ctx, cfg, env, s)
	if err != nil {
		return nil, options, err
	}
	p.inside = sys.(*inside)
	return p, options, nil
}

// loaded is called when the variables are loaded, and the load has begun.
func (p *plantedGroup) loaded() {
	p.plant(true)
	if !p.joins {
		p.joining <- nil
		return
	}
	go func() { p.joining <- p.AddNode(context.Background()) }()
}

// Open begins a client's session, and looks at how far the run is.
func (p *plantedGroup) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := p.inside.Open(ctx, client)
	return &plantedMemory{m, p}, err
}

// Digests asks for them when the bug is off: it has been at work, and the
// question is what the checks have seen.
func (p *plantedGroup) Digests(ctx context.Context) ([]cluster.Digest, error) {
	var err error
	select {
	case err = <-p.joining:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.plant(false)
	digests, digestErr := p.inside.Digests(ctx)
	return digests, errors.Join(err, digestErr)
}

// plantedMemory counts what its client asks for.
type plantedMemory struct {
	load.Memory
	group *plantedGroup
}

// Do carries out a request.
func (m *plantedMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if m.group.ops.Add(1) > m.group.keys {
		m.group.once.Do(m.group.loaded)
	}
	m.Memory.Do(ctx, r, a)
}
