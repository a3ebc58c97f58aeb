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

	"github.com/seed-8247e700/dsm/internal/check"
)

// TestMain lets the test binary be a node or a registry, as dsmbench can.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildCommand {
		if err := Child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shortConfig is a run on real nodes that takes no longer than it must.
func shortConfig() Config {
	cfg := testConfig()
	cfg.Nodes, cfg.Clients, cfg.Keys = 2, 4, 50
	cfg.Warmup, cfg.Duration = 0, 100*time.Millisecond
	return cfg
}

func passes(t *testing.T, cfg Config) *Report {
	t.Helper()
	r, err := Run(t.Context(), cfg, Env{Notices: t.Output()})
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
		"agreed":       func(c *Config) { c.Delivery = Agreed },
		"open loop":    func(c *Config) { c.Rate = 500 },
		"connections":  func(c *Config) { c.Conns = 2 },
		"reads only":   func(c *Config) { c.Writes = 0 },
		"writes only":  func(c *Config) { c.Writes = 1 },
		"one variable": func(c *Config) { c.Keys, c.Dist = 1, Zipfian },
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

// buildChecker builds the program that is the second opinion.
func buildChecker(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "check")
	if out, err := exec.Command("go", "build", "-o", name, "../internal/history/check").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

// TestRealTarget loads a group that runs already, while a node joins, one
// leaves and one is killed.
func TestRealTarget(t *testing.T) {
	p := &processes{losses: newLosses()}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Log("stopping the group, of which one was killed:", err)
		}
	})
	began := &awaited{to: t.Output(), text: loadBegins, seen: make(chan struct{})}
	env := Env{Notices: began}
	start := func(name string, args ...string) string {
		addr, err := p.run(t.Context(), env, name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	registry := start("registry", "registry", Safe)
	var addrs []string
	for _, name := range []string{"n1", "n2", "n3", "n4"} {
		addrs = append(addrs, start(name, "node", name, registry))
	}
	cfg := shortConfig()
	cfg.Target = "dsm://" + strings.Join(addrs, ",")
	cfg.Duration = time.Minute // until all has happened
	ctx, enough := context.WithCancel(t.Context())
	defer enough()

	happened := make(chan error, 1)
	go func() {
		defer enough()
		happened <- func() error {
			select {
			case <-began.seen:
			case <-ctx.Done():
				return ctx.Err()
			}
			members := &membership{addrs: addrs}
			if _, err := p.run(ctx, env, "n5", "node", "n5", registry); err != nil {
				return err
			}
			if err := waitForMembers(ctx, members, "n1 n2 n3 n4 n5"); err != nil {
				return err
			}
			leaving, killed := p.children[2], p.children[3] // after the registry and n1
			p.children = append(p.children[:2], p.children[4:]...)
			if err := leaving.stop(); err != nil {
				return err
			}
			if err := waitForMembers(ctx, members, "n1 n3 n4 n5"); err != nil {
				return err
			}
			if err := killed.cmd.Process.Kill(); err != nil {
				return err
			}
			if err := killed.stop(); err == nil {
				return errors.New("a killed process ended well")
			}
			return waitForMembers(ctx, members, "n1 n4 n5")
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

// awaited passes on what is written, and tells when a text was among it.
type awaited struct {
	to   io.Writer
	text string
	once sync.Once
	seen chan struct{} // closed then
}

func (a *awaited) Write(b []byte) (int, error) {
	if strings.Contains(string(b), a.text) {
		a.once.Do(func() { close(a.seen) })
	}
	return a.to.Write(b)
}

// waitForMembers waits until the group consists of nodes with these names.
func waitForMembers(ctx context.Context, m *membership, want string) error {
	for {
		list, err := m.members(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("the group does not become %s: %w", want, err)
		}
		var names []string
		for _, one := range list {
			names = append(names, one.ID)
		}
		if err == nil && strings.Join(names, " ") == want {
			return nil
		}
		runtime.Gosched()
	}
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
		if r, err := Run(t.Context(), cfg, Env{}); r != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("report %v, error %v, want one with %q that wraps ErrConfig", r, err, want)
		}
	}
	cfg := shortConfig()
	cfg.Target = "dsm://127.0.0.1:1"
	if r, err := Run(t.Context(), cfg, Env{}); r != nil || err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
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
	r, err := Run(t.Context(), cfg, Env{})
	if err != nil || r.Pass || !strings.Contains(strings.Join(r.Failures, " "), "/dev/full") {
		t.Errorf("error %v, report %+v", err, r)
	}
}

// TestLogSwitch is silent unless it is on.
func TestLogSwitch(t *testing.T) {
	var out strings.Builder
	s := newLogSwitch(&out)
	s.logger.Error("before")
	s.on()
	s.logger.Warn("during")
	s.logger.Info("chatter")
	s.off()
	s.logger.Error("after")
	if got := out.String(); !strings.Contains(got, "during") || strings.Count(got, "\n") != 1 {
		t.Errorf("logged %q", got)
	}
}

// TestChildRefuses says that the command is not for people.
func TestChildRefuses(t *testing.T) {
	var out strings.Builder
	if err := Child([]string{"node"}, strings.NewReader(""), &out, &out); !errors.Is(err, ErrConfig) || out.Len() > 0 {
		t.Errorf("error %v, output %q", err, out.String())
	}
}

// TestRealLoss kills a node of the run's own group.
func TestRealLoss(t *testing.T) {
	cfg := shortConfig()
	cfg.Nodes, cfg.Clients, cfg.Processes, cfg.Duration = 3, 6, true, time.Second
	out, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{cfg: cfg, env: Env{Notices: t.Output()}, clock: newClock(), feeds: &feeds{}, files: out}
	rep, err := r.onSystem(t.Context(), func(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
		sys, options, err := startProcesses(ctx, cfg, env, s)
		if err != nil {
			return nil, options, err
		}
		p := sys.(*processes)
		return &doomed{processes: p, fate: fate{victim: p.children[3]}}, options, nil
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
	*processes
	fate
}

// Open begins a client's session.
func (d *doomed) Open(ctx context.Context, client int) (memory, error) {
	m, err := d.processes.Open(ctx, client)
	return &fatedMemory{m, &d.fate}, err
}

// fate kills a process after some operations.
type fate struct {
	victim *process
	ops    atomic.Int64
}

type fatedMemory struct {
	memory
	fate *fate
}

// Do carries out a request.
func (m *fatedMemory) Do(ctx context.Context, r *request, a *answer) {
	if m.fate.ops.Add(1) == 300 {
		_ = m.fate.victim.cmd.Process.Kill() // the run tells if it lives on
	}
	m.memory.Do(ctx, r, a)
}
