package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

// fragileGroup is a fakeGroup that can lose things.
type fragileGroup struct {
	*fakeGroup
	cluster.LossFeed
	dead  string // node that does not answer any more
	after int    // as many operations
}

func (g *fragileGroup) start(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	_, options, err := g.fakeGroup.start(ctx, cfg, env, s)
	return g, options, err
}

// Home is the node of a client.
func (g *fragileGroup) Home(client int) string { return g.names[client%len(g.names)] }

// Open begins a client's session.
func (g *fragileGroup) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := g.fakeGroup.Open(ctx, client)
	return &fragileMemory{Memory: m, group: g, node: g.Home(client)}, err
}

type fragileMemory struct {
	load.Memory
	group *fragileGroup
	node  string
}

// Do waits for ever for a node that is dead.
func (m *fragileMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	m.group.mu.Lock()
	dead := m.node == m.group.dead && m.group.ops > m.group.after
	m.group.mu.Unlock()
	if !dead {
		m.Memory.Do(ctx, r, a)
		return
	}
	<-ctx.Done()
	a.Status, a.Err = history.Unknown, ctx.Err()
}

// runFragile makes a run on a group that loses things.
func runFragile(t *testing.T, cfg Config, g *fragileGroup) *report.Report {
	t.Helper()
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	report, err := r.onSystem(t.Context(), g.start)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestRunLosesNode fails, says why, ends the clients of the node at once, and
// lets the others go on.
func TestRunLosesNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		g := &fragileGroup{fakeGroup: newFakeGroup(3), LossFeed: cluster.NewLossFeed(), dead: "n3", after: 1000}
		time.AfterFunc(40*time.Millisecond, func() { g.LossFeed <- cluster.Loss{Node: "n3", Why: errors.New("it is gone")} })
		r := runFragile(t, testConfig(), g)
		if r.Pass || len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0], "node n3 was lost, ") {
			t.Errorf("pass %v, failures %q, checks %+v", r.Pass, r.Failures, r.Checks)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v: clients have waited for the node", took)
		}
		if len(r.Lost) != 1 || r.Lost[0].Seconds <= 0.03 || r.Errors != 1 || !strings.Contains(strings.Join(r.Notes, "\n"), "node n3 was lost") {
			t.Errorf("lost %+v, %d errors, notes %q", r.Lost, r.Errors, r.Notes)
		}
		if !slices.ContainsFunc(r.Operations, func(row report.Row) bool { return row.Node == "n3" && row.Op == report.RowAll && row.Errors == 1 }) {
			t.Errorf("no error at n3: %+v", r.Operations)
		}
	})
}

// TestRunLosesState ends at once with one reason, whoever notices.
func TestRunLosesState(t *testing.T) {
	for name, test := range map[string]struct {
		want  string
		spoil func(g *fragileGroup)
	}{
		"a client": {"the group lost its state: what it did cannot be checked", func(g *fragileGroup) {
			g.refuse = func(n int) error {
				if n > 200 {
					return fmt.Errorf("a client: %w", driver.ErrGeneration)
				}
				return nil
			}
		}},
		"the group": {"the group lost its state (generation 7): what it did cannot be checked", func(g *fragileGroup) {
			time.AfterFunc(40*time.Millisecond, func() {
				g.LossFeed <- cluster.Loss{Generation: 7}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				cfg := testConfig()
				cfg.Duration = time.Hour
				g := &fragileGroup{fakeGroup: newFakeGroup(3), LossFeed: cluster.NewLossFeed()}
				test.spoil(g)
				r := runFragile(t, cfg, g)
				if r.Pass || len(r.Checks) > 0 || !slices.Equal(r.Failures, []string{test.want}) {
					t.Errorf("pass %v, failures %q, checks %+v", r.Pass, r.Failures, r.Checks)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("it went on for %v", took)
				}
			})
		})
	}
}
