package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/proc"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// fakeProc is a /proc without processes whose processors are idle, or not.
type fakeProc struct {
	began time.Time
	busy  bool
}

// Open has the counters grow with the time: idle ones by more than it, since what
// they round down must not look like work.
func (f *fakeProc) Open(name string) (fs.File, error) {
	idle := 0
	if !f.busy {
		idle = 1000 * int(time.Since(f.began)/time.Millisecond+1)
	}
	return fstest.MapFS{
		"stat":    {Data: fmt.Appendf(nil, "cpu 0 0 0 %d 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n", idle)},
		"loadavg": {Data: []byte("0.50 0.50 0.50 1/1 1\n")},
	}.Open(name)
}

// newRun is a comparison on a machine that a test makes up.
func newRun(t *testing.T, cfg Config, busy bool) *run {
	t.Helper()
	cfg.Notices = io.Discard
	r := &run{cfg: cfg, unprepared: map[string]error{}}
	var err error
	if r.watch, err = newWatch(&fakeProc{began: time.Now(), busy: busy}, r.tell); err != nil {
		t.Fatal(err)
	}
	r.watch.spin = func() noise.Spin { return noise.Spin{Lost: 0.001, Longest: time.Millisecond, Speed: 10} }
	return r
}

// mapOnly measures the limit that needs no process, in two rounds.
func mapOnly() Config {
	return Config{
		Rounds: 2, Duration: 50 * time.Millisecond, Watch: time.Millisecond, Seed: 1, Only: regexp.MustCompile("/limit-map$"),
		Aims: []Aim{{Row: "er2", Against: []string{systems.Map}, Ratio: 0.7}},
	}
}

// TestNoise: a run on a machine where something else runs says so, and one on a
// machine where nothing does says that.
func TestNoise(t *testing.T) {
	for _, busy := range []bool{false, true} {
		r := newRun(t, mapOnly(), busy)
		if err := r.rounds(t.Context(), r.cfg.plan()); err != nil {
			t.Fatal(err)
		}
		if len(r.done) != 2 {
			t.Fatalf("%d measurements", len(r.done))
		}
		for _, m := range r.done {
			if m.Error != "" || m.Use.Noisy() != busy {
				t.Errorf("busy %v: %+v", busy, m)
			}
		}
		summary := r.watch.log.Summary()
		if summary.Noisy() != busy || summary.Points != 2 || len(r.watch.log.Spins) != 2 || summary.LoadAverage != 0.5 {
			t.Errorf("busy %v: %s", busy, summary.String())
		}
		first, _, _ := strings.Cut((&Report{Noise: summary, Measurements: r.done}).Markdown(), "\n")
		if strings.HasPrefix(first, "NOISY") != busy || strings.HasPrefix(first, "Quiet machine.") == busy {
			t.Errorf("the first line is %q", first)
		}
	}
}

// TestNoisyBefore: what runs before a run and ends with its beginning counts.
func TestNoisyBefore(t *testing.T) {
	r := newRun(t, mapOnly(), true)
	if err := r.watch.before(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if !r.watch.log.Before.NoisyIdle() {
		t.Errorf("%+v", r.watch.log.Before)
	}
}

// ending ends a context when a run tells for the second time that a round begins.
type ending struct {
	end   func()
	turns int
}

func (e *ending) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "round ") {
		if e.turns++; e.turns == 2 {
			e.end()
		}
	}
	return len(p), nil
}

// TestInterrupted: what was measured before a run was ended is reported, and said
// to be incomplete.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := mapOnly()
	cfg.Notices, cfg.Proc = &ending{end: cancel}, &fakeProc{began: time.Now()}
	report, err := Run(ctx, cfg, systems.Env{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if len(report.Measurements) != 1 || !report.SetUp.Interrupted || !strings.Contains(report.Markdown(), "\nINTERRUPTED: ") {
		t.Errorf("%d measurements:\n%s", len(report.Measurements), report.Markdown())
	}
}

// TestDSM measures dsm itself for a moment, embedded.
func TestDSM(t *testing.T) {
	r := newRun(t, Config{
		Rounds: 1, Duration: 50 * time.Millisecond, Condition: 10 * time.Millisecond, Seed: 1,
		Only: regexp.MustCompile("^e(w1|w256|r2|o1000)/dsm-embedded$"),
	}, false)
	if err := r.rounds(t.Context(), r.cfg.plan()); err != nil {
		t.Fatal(err)
	}
	if len(r.done) != 4 {
		t.Errorf("%d measurements", len(r.done))
	}
	for _, m := range r.done {
		if m.Error != "" {
			t.Errorf("%s/%s: %s", m.Row, m.System, m.Error)
		}
	}
}

// TestTogether: rows of transactions and watches become loads of them.
func TestTogether(t *testing.T) {
	r := newRun(t, Config{Rounds: 1, Duration: 50 * time.Millisecond, Condition: 10 * time.Millisecond, Seed: 1}, false)
	spec, _ := systems.Named(systems.DSMEmbedded)
	var rows []Row
	for _, name := range []string{"f1", "t1", "f64", "t256"} { // a fan-out first: the system is loaded with writes before
		row, known := rowNamed(name)
		if !known {
			t.Fatalf("there is no row %s", name)
		}
		rows = append(rows, row)
	}
	if err := r.turn(t.Context(), 1, turn{spec: spec, rows: rows}); err != nil {
		t.Fatal(err)
	}
	if len(r.done) != len(rows) {
		t.Errorf("%d measurements", len(r.done))
	}
	for _, m := range r.done {
		if m.Error != "" {
			t.Errorf("%s: %s", m.Row, m.Error)
		}
	}
}

// TestNoStart: a system that does not start, or cannot be built, costs its own
// points only.
func TestNoStart(t *testing.T) {
	broken := systems.Spec{
		Name:    "broken",
		Start:   func(context.Context, systems.Env) (point.System, error) { return nil, errors.New("no such program") },
		Prepare: func(context.Context, systems.Env) (string, error) { return "", errors.New("no such package") },
	}
	r := newRun(t, Config{Rounds: 1}, false)
	turns := []turn{{spec: broken, rows: Rows()[:2]}}
	if err := r.rounds(t.Context(), turns); err != nil {
		t.Fatal(err)
	}
	r.prepare(t.Context(), turns)
	if err := r.rounds(t.Context(), turns); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range r.done {
		got = append(got, m.Error)
	}
	if want := "[no such program no such program no such package no such package]"; fmt.Sprint(got) != want {
		t.Errorf("%v", got)
	}
	if s := r.watch.log.Summary(); s.Points != 0 || !s.Noisy() {
		t.Errorf("%s, of nothing", s.String())
	}
}

// memory is a system whose files are those that a test wants gone.
type memory struct{ point.System }

func (memory) Close() error { return nil }

func (memory) Client(context.Context, int) (point.Client, error) {
	return nil, errors.New("full")
}

// TestFilesGo: what a system has written is gone before the next one starts, and
// programs are not.
func TestFilesGo(t *testing.T) {
	dir, err := proc.NewDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	program := dir.Path("program")
	if err := os.WriteFile(program, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sub := ""
	spec := systems.Spec{Name: "writer", Start: func(_ context.Context, env systems.Env) (point.System, error) {
		sub, err = env.Dir.Sub("data")
		return memory{}, err
	}}
	r := newRun(t, Config{Rounds: 1}, false)
	r.env.Dir = dir
	if err := r.turn(t.Context(), 1, turn{spec: spec, rows: Rows()[:1]}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sub); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", sub, err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Error(err)
	}
	if r.done[0].Error == "" {
		t.Error("a system without clients was measured")
	}
}
