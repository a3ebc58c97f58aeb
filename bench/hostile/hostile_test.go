package hostile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/program"
)

// smallHostile is every attack, as small as they come.
func smallHostile() Config {
	cfg := Defaults()
	cfg.Nodes, cfg.Clients, cfg.Phase, cfg.Conns, cfg.HeavyConns, cfg.Frames = 2, 4, program.LeastPhase, 20, []int{1}, 1000
	return cfg
}

// TestRealHostile attacks real nodes. How long anything takes is not looked at, nor
// therefore whether garbage goes out in so short a time: see package attack.
func TestRealHostile(t *testing.T) {
	cfg := smallHostile()
	r, err := Run(t.Context(), cfg, program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range r.Phases {
		if names = append(names, p.Name); p.Errors > 0 {
			t.Errorf("%s: %d errors, the last: %v", p.Name, p.Errors, p.LastError)
		}
		if p.Name == quietPhase {
			continue
		}
		if p.Attack == nil || p.Kind != attack.Garbage && p.Attack.Open+p.Attack.Replies == 0 || p.Attack.Granted > 0 || p.Heap == 0 {
			t.Errorf("%s: %+v", p.Name, p.Attack)
		}
	}
	want := []string{quietPhase}
	for _, kind := range attack.Kinds {
		want = append(want, nameOf(kind, 1), quietPhase)
	}
	if got := names; !slices.Equal(got, want) {
		t.Errorf("phases %s, want %s", got, want)
	}
	if slices.ContainsFunc(r.Failures, func(f string) bool { return strings.Contains(f, "ended") }) {
		t.Errorf("failures %q", r.Failures)
	}
}

// TestHostileVerdict gives each figure that must not pass.
func TestHostileVerdict(t *testing.T) {
	status := func(under *Phase, requests int64) {
		under.Kind, under.Conns, under.Attack = attack.Status, 2, &attack.Figures{Requests: requests}
	}
	for name, tc := range map[string]struct {
		change func(quiet, under *Phase)
		want   string
	}{
		"just so":     {func(_, _ *Phase) {}, ""},
		"slow":        {func(_, under *Phase) { under.P99 = 7 * time.Millisecond }, "p99 during the attack garbage was 2.33 times"},
		"few writes":  {func(_, under *Phase) { under.Writes = 74 }, "the writes during the attack garbage were 0.49 of"},
		"much memory": {func(_, under *Phase) { under.Heap++ }, "74.0 MiB were live in a node during the attack garbage, more than 74.0 MiB"},
		"error":       {func(quiet, _ *Phase) { quiet.Errors, quiet.LastError = 1, errors.New("why") }, "1 operation failed in the phase quiet, the last: why"},
		"standstill": {func(_, under *Phase) {
			*under = Phase{Name: under.Name, Kind: under.Kind, Attack: under.Attack}
		}, "nothing was answered"},
		"weak":         {func(_, under *Phase) { under.Attack.Frames = 44_000 }, "sent 44000 frames of 50000"},
		"enough asked": {func(_, under *Phase) { status(under, 14_400) }, ""},
		"little asked": {func(_, under *Phase) { status(under, 14_399) }, "sent 14399 requests of 16000"},
		"few open": {func(_, under *Phase) {
			under.Kind, under.Conns, under.Attack = attack.Subscribers, 16, &attack.Figures{Open: 14}
		}, "had 14 connections of 16"},
		"few answers": {func(_, under *Phase) {
			under.Kind, under.Conns, under.Attack = attack.Forged, 2, &attack.Figures{Replies: 449}
		}, "had 449 answers of 500"},
		"answers": {func(_, under *Phase) {
			under.Kind, under.Conns, under.Attack = attack.Registry, 2, &attack.Figures{Replies: 450}
		}, ""},
		"granted": {func(_, under *Phase) { under.Attack.Granted = 2 }, "granted 2 of its requests, which had to be refused"},
	} {
		quiet := Phase{Name: quietPhase, PerSecond: 1, Writes: 100, P99: 2 * time.Millisecond, Heap: 10 << 20}
		under := Phase{
			Name: string(attack.Garbage), Kind: attack.Garbage, PerSecond: 1, Writes: 75, P99: 6 * time.Millisecond,
			Heap: 10<<20 + otherBudget, Attack: &attack.Figures{Frames: 50_000},
		}
		last := quiet
		last.P99 *= 2
		last.Writes *= 2
		tc.change(&quiet, &under)
		r := &Report{Config: Defaults(), Phases: []Phase{quiet, under, last}}
		r.judge()
		if tc.want == "" != r.Pass() || len(r.Failures) > 1 || !strings.Contains(strings.Join(r.Failures, " "), tc.want) {
			t.Errorf("%s: failures %q, want %q", name, r.Failures, tc.want)
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil || strings.Contains(text.String(), "FAIL\n") == r.Pass() || !strings.Contains(text.String(), "garbage") {
			t.Errorf("%s: error %v, text %s", name, err, text.String())
		}
		if name != "error" && r.Phases[1].Failed == r.Pass() {
			t.Errorf("%s: the attack failed: %v", name, r.Phases[1].Failed)
		}
	}
}

// TestBudgets holds that what nodes may keep for an attack is limited, and more than nothing.
func TestBudgets(t *testing.T) {
	for kind, want := range map[attack.Kind]uint64{
		attack.Unread: 576 << 20, attack.Stopped: 576 << 20, attack.Unfinished: 576 << 20, attack.Subscribers: 320 << 20,
		attack.Parked: 128 << 20, attack.LongKeys: 64 << 20, attack.Sessions: 192 << 20, attack.Status: 64 << 20,
	} {
		if got := heapBudget(kind); got != want {
			t.Errorf("%s: %d bytes, want %d", kind, got, want)
		}
	}
}

func TestHostileConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"--nodes 0":                              func(c *Config) { c.Nodes = 0 },
		"--clients 0":                            func(c *Config) { c.Clients = 0 },
		"--phase 1ms":                            func(c *Config) { c.Phase = time.Millisecond },
		"--attacks is empty":                     func(c *Config) { c.Attacks = nil },
		`--attacks: unknown attack "polite"`:     func(c *Config) { c.Attacks = []attack.Kind{"polite"} },
		"--conns 0":                              func(c *Config) { c.Conns = 0 },
		"--heavy-conns is empty":                 func(c *Config) { c.HeavyConns = nil },
		"--heavy-conns 0":                        func(c *Config) { c.HeavyConns = []int{1, 0} },
		"--frames 0":                             func(c *Config) { c.Frames = 0 },
		"--frames-per-conn 0":                    func(c *Config) { c.FramesPerConn = 0 },
		"--conns 65537: must be from 1 to 65536": func(c *Config) { c.Conns = attack.MaxConns + 1 },
		"--frames-per-conn 3: must not be above": func(c *Config) { c.Frames, c.FramesPerConn = 2, 3 },
	} {
		cfg := smallHostile()
		change(&cfg)
		if r, err := Run(t.Context(), cfg, program.Env{}); r != nil || !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("report %v, error %v, want one with %q that wraps ErrConfig", r, err, want)
		}
	}
	cfg := Defaults()
	if err := cfg.validateFiles(1024); !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("too few files: %v", err)
	}
	cfg.HeavyConns = []int{1, cfg.Conns + 1}
	if err := cfg.validateFiles(cfg.Conns + filesBesides); !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), "--heavy-conns") {
		t.Errorf("too few files for heavy attacks: %v", err)
	}
	if err := cfg.validateFiles(cfg.Conns + 1 + filesBesides); err != nil {
		t.Errorf("files enough: %v", err)
	}
}
