package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
)

// TestMain lets the test binary be a node or a registry, as dsmbench can.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == cluster.ChildCommand {
		if err := cluster.Child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(runTests(m))
}

// checkerDir is where the program is built that is the second opinion.
var checkerDir string

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	checkerDir = dir
	return m.Run()
}

// shortConfig is a run on real nodes that takes no longer than it must.
func shortConfig() Config {
	cfg := testConfig()
	cfg.Nodes, cfg.Clients, cfg.Keys = 2, 4, 50
	cfg.Warmup, cfg.Duration = 0, 100*time.Millisecond
	return cfg
}

func passes(t *testing.T, cfg Config) *report.Report {
	t.Helper()
	r, err := Run(t.Context(), cfg, program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Pass || r.Errors > 0 {
		t.Fatalf("failures %q, notes %q, checks %+v", r.Failures, r.Notes, r.Checks)
	}
	return r
}

// TestRealGroups runs each kind of group, writes the files, and has a program
// that shares no code with the checks look at them.
func TestRealGroups(t *testing.T) {
	checker := buildChecker(t)
	for name, change := range map[string]func(*Config){
		"one node":     func(c *Config) { c.Nodes = 1 },
		"three":        func(c *Config) { c.Nodes = 3 },
		"embedded":     func(c *Config) { c.Embedded = true },
		"agreed":       func(c *Config) { c.Delivery = cluster.Agreed },
		"open loop":    func(c *Config) { c.Rate = 500 },
		"connections":  func(c *Config) { c.Conns = 2 },
		"reads only":   func(c *Config) { c.Writes = 0 },
		"writes only":  func(c *Config) { c.Writes = 1 },
		"one variable": func(c *Config) { c.Keys, c.Dist = 1, load.Zipfian },
		"processes":    func(c *Config) { c.Processes = true },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := shortConfig()
			change(&cfg)
			dir := t.TempDir()
			cfg.HistoryFile, cfg.DeliveryLogDir = filepath.Join(dir, "history"), filepath.Join(dir, "logs")
			passes(t, cfg)
			if out := secondOpinion(t, checker, &cfg); !strings.Contains(out, fmt.Sprintf("%d nodes", cfg.Nodes)) {
				t.Errorf("the second opinion: %s", out)
			}
		})
	}
}

// secondOpinion has the checker look at the files of a run.
func secondOpinion(t *testing.T, checker string, cfg *Config) string {
	t.Helper()
	out, err := exec.Command(checker, cfg.HistoryFile, cfg.DeliveryLogDir).CombinedOutput()
	if err != nil {
		t.Errorf("the second opinion: %v: %s", err, out)
	}
	return string(out)
}

// buildChecker builds the program that is the second opinion, once for all tests.
func buildChecker(t *testing.T) string {
	t.Helper()
	name, err := checkerOnce()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

var checkerOnce = sync.OnceValues(func() (string, error) {
	name := filepath.Join(checkerDir, "check")
	if out, err := exec.Command("go", "build", "-o", name, "../internal/history/check").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// TestRealTarget loads a group that runs already, while a node joins, one
// leaves and one is killed.
func TestRealTarget(t *testing.T) {
	began := make(chan struct{})
	env := program.Env{Notices: &awaited{to: t.Output(), text: loadBegins, then: func() { close(began) }}}
	p := cluster.NewProcesses(env, 4)
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Log("stopping the group, of which one was killed:", err)
		}
	})
	if err := p.Start(t.Context(), cluster.Settings(cluster.Safe)); err != nil {
		t.Fatal(err)
	}
	cfg := shortConfig()
	cfg.Target = "dsm://" + strings.Join(p.Addrs, ",")
	cfg.Duration = time.Minute // until all has happened
	ctx, enough := context.WithCancel(t.Context())
	defer enough()

	happened := make(chan error, 1)
	go func() {
		defer enough()
		happened <- func() error {
			select {
			case <-began:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := p.StartNode(ctx, "n5"); err != nil {
				return err
			}
			if err := waitForMembers(ctx, p.Addrs, "n1 n2 n3 n4 n5"); err != nil {
				return err
			}
			leaving, killed := p.Member(1), p.Member(2)
			if err := leaving.Stop(); err != nil {
				return err
			}
			if err := waitForMembers(ctx, p.Addrs, "n1 n3 n4 n5"); err != nil {
				return err
			}
			if err := killed.Kill(); err != nil {
				return err
			}
			if err := killed.Stop(); err == nil {
				return errors.New("a killed process ended well")
			}
			return waitForMembers(ctx, p.Addrs, "n1 n4 n5")
		}()
	}()
	r, err := Run(ctx, cfg, env)
	if err := <-happened; err != nil {
		t.Fatal(err)
	}
	if err != nil || !r.Pass || r.Errors > 0 || !r.Interrupted {
		t.Fatalf("error %v, report %+v", err, r)
	}
}

// awaited passes on what is written, and calls then once, when a text was among it.
type awaited struct {
	to   io.Writer
	text string
	once sync.Once
	then func()
}

func (a *awaited) Write(b []byte) (int, error) {
	if strings.Contains(string(b), a.text) {
		a.once.Do(a.then)
	}
	return a.to.Write(b)
}

// waitForMembers waits until a node that serves says that the group consists of nodes with
// these names.
func waitForMembers(ctx context.Context, addrs []string, want string) error {
	for ; ctx.Err() == nil; runtime.Gosched() {
		for _, addr := range addrs {
			status, err := cluster.StatusAt(ctx, addr)
			if err != nil || !status.Serves {
				continue
			}
			var names []string
			for _, m := range status.Members {
				names = append(names, m.ID)
			}
			if strings.Join(names, " ") == want {
				return nil
			}
		}
	}
	return fmt.Errorf("the group does not become %s: %w", want, ctx.Err())
}

// TestRunRefuses tells what is wrong before anything is started.
func TestRunRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"--nodes 0":                  func(c *Config) { c.Nodes = 0 },
		"--history":                  func(c *Config) { c.HistoryFile = filepath.Join(t.TempDir(), "no", "such") },
		"--target: data source name": func(c *Config) { c.Target = "http://x" },
	} {
		cfg := shortConfig()
		change(&cfg)
		if r, err := Run(t.Context(), cfg, program.Env{}); r != nil || !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("report %v, error %v, want one with %q that wraps ErrConfig", r, err, want)
		}
	}
	cfg := shortConfig()
	cfg.Target = "dsm://127.0.0.1:1"
	if r, err := Run(t.Context(), cfg, program.Env{}); r != nil || err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("report %v, error %v, want one that names the address", r, err)
	}
}

// TestRunTellsAFullDisk does not pass when what was asked for is not there.
func TestRunTellsAFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	cfg := shortConfig()
	cfg.Nodes, cfg.HistoryFile = 1, "/dev/full"
	r, err := Run(t.Context(), cfg, program.Env{})
	if err != nil || r.Pass || !strings.Contains(strings.Join(r.Failures, " "), "/dev/full") {
		t.Errorf("error %v, report %+v", err, r)
	}
}

// TestRealLoss kills a node of the run's own group.
func TestRealLoss(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Processes, cfg.Duration = 3, 6, true, time.Minute
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	// A client of the node fails when the loss was noticed, not before.
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	r := &run{cfg: cfg, env: program.Env{Notices: t.Output()}, clock: load.NewClock(), feeds: &cluster.Feeds{}, files: out}
	rep, err := r.onSystem(ctx, func(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
		sys, options, err := startApart(ctx, cfg, env, s)
		if err != nil {
			return nil, options, err
		}
		p := sys.(*apart)
		return &doomed{apart: p, fate: fate{victim: p.Member(2), failed: enough}}, options, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Pass || len(rep.Failures) != 1 || !strings.HasPrefix(rep.Failures[0], "node n3 was lost, ") || !strings.Contains(rep.Failures[0], "killed") {
		t.Errorf("pass %v, failures %q, notes %q, checks %+v", rep.Pass, rep.Failures, rep.Notes, rep.Checks)
	}
	if strings.Contains(strings.Join(rep.Notes, "\n"), "stopping the group") {
		t.Errorf("the loss is told twice: %q", rep.Notes)
	}
	if rep.Errors == 0 || len(rep.Lost) != 1 {
		t.Errorf("%d errors, lost %+v", rep.Errors, rep.Lost)
	}
}

// doomed is a group whose victim is killed when its clients are well under way.
type doomed struct {
	*apart
	fate
}

// Open begins a client's session.
func (d *doomed) Open(ctx context.Context, client int) (load.Memory, error) {
	m, err := d.apart.Open(ctx, client)
	return &fatedMemory{m, &d.fate}, err
}

// fate kills a process after some operations, and calls failed when one fails.
type fate struct {
	victim *cluster.Process
	failed func()
	ops    atomic.Int64
}

type fatedMemory struct {
	load.Memory
	fate *fate
}

// Do carries out a request.
func (m *fatedMemory) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if m.fate.ops.Add(1) == 300 {
		if victim, err := os.FindProcess(m.fate.victim.PID()); err == nil {
			_ = victim.Kill() // the run tells if it lives on
		}
	}
	if m.Memory.Do(ctx, r, a); a.Err != nil {
		m.fate.failed()
	}
}
