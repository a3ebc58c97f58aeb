package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
)

// TestTargetIsLeftTidy holds that a run on a running group takes its variables
// away, unless it may not, and then says so.
func TestTargetIsLeftTidy(t *testing.T) {
	cfg := shortConfig()
	sys, _, err := startInside(t.Context(), &cfg, program.Env{Notices: t.Output()}, &cluster.Feeds{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.Stop(); err != nil {
			t.Error(err)
		}
	})
	db := sys.(*inside).Handles[0]
	cfg.Target = "dsm://" + sys.(*inside).Nodes[0].Addr()
	for _, test := range []struct {
		name            string
		keep, interrupt bool
		note            string
	}{
		{name: "deleted"},
		{name: "kept", keep: true, note: "as asked for"},
		{name: "interrupted", interrupt: true, note: "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := cfg
			cfg.Keep = test.keep
			if test.interrupt {
				cfg.Duration = time.Minute
			}
			report, keys := runOnTarget(ctx, t, cfg, func() {
				if test.interrupt {
					cancel()
				}
			})
			notes := strings.Join(report.Notes, "\n")
			if !report.Pass || test.note == "" && strings.Contains(notes, "stay in the group") {
				t.Errorf("failures %q, notes %q", report.Failures, report.Notes)
			}
			if !strings.Contains(notes, test.note) || test.note != "" && !strings.Contains(notes, "begin with "+keys.Prefix) {
				t.Errorf("notes %q lack %q, or the names", report.Notes, test.note)
			}
			if there := countThere(t, db, keys); (there > 0) != (test.note != "") {
				t.Errorf("%d variables are there", there)
			}
		})
	}
}

// runOnTarget makes a run, and calls loaded once a client has begun to work.
func runOnTarget(ctx context.Context, t *testing.T, cfg Config, loaded func()) (*report.Report, *load.Keyspace) {
	t.Helper()
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	var keys *load.Keyspace
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	report, err := r.onSystem(ctx, func(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
		sys, options, err := startTarget(ctx, cfg, env, s)
		if err != nil {
			return nil, options, err
		}
		keys = load.NewKeyspace(&cfg.Workload, options.Prefix)
		return &watchedTarget{sys.(*target), loaded}, options, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, keys
}

// watchedTarget tells when a client asks for something that no preload does.
type watchedTarget struct {
	*target
	loaded func()
}

// Open begins a client's session.
func (w *watchedTarget) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := w.target.Open(ctx, client)
	return &watchedMemory{m, w.loaded}, err
}

type watchedMemory struct {
	load.Memory
	loaded func()
}

// Do carries out a request.
func (m *watchedMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if r.Kind.IsRead() {
		m.loaded()
	}
	m.Memory.Do(ctx, r, a)
}

// countThere counts the variables of a run that exist.
func countThere(t *testing.T, db *driver.DB, keys *load.Keyspace) int {
	t.Helper()
	there := 0
	for _, key := range keys.Plain {
		switch _, err := db.Get(t.Context(), key, driver.Strong); {
		case err == nil:
			there++
		case !errors.Is(err, driver.ErrNotFound):
			t.Fatal(err)
		}
	}
	return there
}

// TestTidyTellsWhatIsLeft stops at an error, and does not change the verdict.
func TestTidyTellsWhatIsLeft(t *testing.T) {
	r := &run{cfg: Defaults(), env: program.Env{Notices: t.Output()}}
	rep := &report.Report{Pass: true}
	r.tidy(t.Context(), failingGuest{}, load.NewKeyspace(&r.cfg.Workload, "dsmbench-x/"), rep)
	if !rep.Pass || len(rep.Notes) != 1 || rep.Notes[0] != "up to 7 variables stay in the group, whose names begin with dsmbench-x/: no room" {
		t.Errorf("pass %v, notes %q", rep.Pass, rep.Notes)
	}
	db, err := driver.Open("dsm://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	h := load.Handles{db}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := h.Delete(t.Context(), []string{"a", "b"}); left != 2 || !errors.Is(err, driver.ErrClosed) {
		t.Errorf("%d left, error %v", left, err)
	}
}

type failingGuest struct{ system }

func (failingGuest) tidy(context.Context, []string) (int, error) { return 7, errors.New("no room") }
