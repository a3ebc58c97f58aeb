package bench

import (
	"cmp"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/program"
)

// TestValidate names, for each field that makes no sense, its flag.
func TestValidate(t *testing.T) {
	cfg := Defaults()
	if err := cfg.Validate(); err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	for _, test := range []struct {
		want  string
		spoil func(*Config)
	}{
		{"--nodes 0:", func(c *Config) { c.Nodes = 0 }},
		{"--nodes 65: must be from 1 to 64", func(c *Config) { c.Nodes = 65 }},
		{"--clients 0:", func(c *Config) { c.Clients = 0 }},
		{"--clients 1000000:", func(c *Config) { c.Clients = 1_000_000 }},
		{"--conns 0:", func(c *Config) { c.Conns = 0 }},
		{"--keys -1:", func(c *Config) { c.Keys = -1 }},
		{"--value-size 7:", func(c *Config) { c.ValueBytes = 7 }},
		{"--value-size 2000000:", func(c *Config) { c.ValueBytes = 2_000_000 }},
		{"--writes 150%:", func(c *Config) { c.Writes = 1.5 }},
		{"--writes NaN%:", func(c *Config) { c.Writes = math.NaN() }},
		{"--strong -1%:", func(c *Config) { c.Strong = -0.01 }},
		{"--adds 50%: with --cas and --dels", func(c *Config) { c.Adds, c.CAS, c.Dels = 0.5, 0.5, 0.5 }},
		{"--duration 0s:", func(c *Config) { c.Duration = 0 }},
		{"--warmup -1s:", func(c *Config) { c.Warmup = -time.Second }},
		{"--rate -1:", func(c *Config) { c.Rate = -1 }},
		{"--rate NaN:", func(c *Config) { c.Rate = math.NaN() }},
		{"--rate +Inf:", func(c *Config) { c.Rate = math.Inf(1) }},
		{"--dist normal:", func(c *Config) { c.Dist = "normal" }},
		{"--delivery fast:", func(c *Config) { c.Delivery = "fast" }},
		{"--processes", func(c *Config) { c.Embedded, c.Processes = true, true }},
		{"--target", func(c *Config) { c.Target, c.Processes = "dsm://x:1", true }},
		{"--keep", func(c *Config) { c.Keep = true }},
		{"--workload other: must be mixed, watch", func(c *Config) { c.Name = "other" }},
		{"--async has no place in --workload bank", func(c *Config) { c.Name, c.Keys, c.Async = "bank", 10, 1 }},
		{"--quota-bytes -1: must be above 0", func(c *Config) { c.QuotaBytes = -1 }},
		{"--quota-variables -1: must be above 0", func(c *Config) { c.QuotaVariables = -1 }},
		{"--workload fill needs a group with a quota that the run knows", func(c *Config) { c.Name, c.QuotaVariables, c.Target = "fill", 5, "dsm://x:1" }},
		{"--async has no place in --workload fill", func(c *Config) { c.Name, c.Async = "fill", 1 }},
		{"--keys 1: must be from 2", func(c *Config) { c.Name, c.Keys = "bank", 1 }},
	} {
		cfg := Defaults()
		test.spoil(&cfg)
		if err := cfg.Validate(); !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q that wraps ErrConfig", err, test.want)
		}
	}
}

// A load with so few writes, or reads, that they are rarer than an outage may last
// cannot be judged with faults; one that has none at all can.
func TestFaultsNeedLoad(t *testing.T) {
	for _, test := range []struct {
		rate, writes float64
		want         string
	}{
		{10, 0.01, "--rate 10: with 1% of writes that is too few"},
		{1000, 0.0099, "--rate 1000: with 0.99% of writes"},
		{1000, 0.9901, "--rate 1000: with 0.99% of reads"},
		{0, 0.0005, "--writes 0.05%: too few writes"},
		{0, 0.9995, "--writes 99.95%: too few reads"},
		{1000, 0.01, ""},
		{0, 0.001, ""},
		{10, 0, ""},
		{10, 1, ""},
		{0, 0, ""},
		{0, 1, ""},
	} {
		cfg := Defaults()
		cfg.Rate, cfg.Writes = test.rate, test.writes
		if err := cfg.Validate(); err != nil {
			t.Errorf("without faults: %v", err)
		}
		cfg.Faults = "reset:n1-n2@3s"
		switch err := cfg.Validate(); {
		case test.want == "" && err != nil:
			t.Errorf("rate %v, writes %v: %v", test.rate, test.writes, err)
		case test.want != "" && (!errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("rate %v, writes %v: %v, want %s", test.rate, test.writes, err, test.want)
		}
	}
}

// A workload brings its defaults, but for what was given, and refuses what it has no place for.
func TestUseWorkload(t *testing.T) {
	for _, test := range []struct {
		name, given string
		want        string // of the error
		keys        int
		writes      float64
		watchers    int
	}{
		{"mixed", "", "", 10_000, 0.5, 0},
		{"", "", "", 10_000, 0.5, 0},
		{"watch", "", "", 10_000, 1, 100},
		{"watch", "writes", "", 10_000, 0.5, 100},
		{"watch", "watchers", "", 10_000, 1, 0},
		{"bank", "", "", 1000, 0.3, 0},
		{"bank", "keys", "", 10_000, 0.3, 0},
		{"bank", "writes", "--writes has no place in --workload bank", 0, 0, 0},
		{"bank", "async", "--async has no place in --workload bank", 0, 0, 0},
		{"other", "", "--workload other: must be", 0, 0, 0},
	} {
		cfg := Defaults()
		err := cfg.UseWorkload(test.name, func(flag string) bool { return flag == test.given })
		if test.want != "" {
			if !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, given %q: %v, want %s", test.name, test.given, err, test.want)
			}
			continue
		}
		if err != nil || cfg.Name != cmp.Or(test.name, "mixed") || cfg.Keys != test.keys || cfg.Writes != test.writes || cfg.Watchers != test.watchers {
			t.Errorf("%s, given %q: %+v, %v", test.name, test.given, cfg, err)
		}
	}
}

// TestSetUp states everything that the figures depend on.
func TestSetUp(t *testing.T) {
	cfg := Defaults()
	cfg.Rate = 5000
	for _, want := range []string{
		"4 nodes", "safe delivery", "64 clients over TCP", "1 connection a node", "open loop at 5000 ops/s",
		"50% writes", "1% of the reads strong", "10000 keys", "uniform", "100 bytes", "5s after 1s", "seed 1", "GOMAXPROCS",
	} {
		if line := cfg.SetUp(); !strings.Contains(line, want) || strings.Contains(line, "\n") {
			t.Errorf("%q lacks %q, or is not one line", line, want)
		}
	}
	cfg.Embedded, cfg.Rate, cfg.Nodes = true, 0, 1
	for _, want := range []string{"1 node and", "embedded", "closed loop"} {
		if line := cfg.SetUp(); !strings.Contains(line, want) {
			t.Errorf("%q lacks %q", line, want)
		}
	}
	// What there is none of has no shares.
	cfg.Writes = 0
	if line := cfg.SetUp(); !strings.Contains(line, "; 0% writes, 1% of the reads strong;") {
		t.Errorf("reads only: %q", line)
	}
	cfg.Writes = 1
	if line := cfg.SetUp(); !strings.Contains(line, "; 100% writes (1% add, 1% cas, 1% del, the rest set);") {
		t.Errorf("writes only: %q", line)
	}
	// What a workload decides itself is not told.
	cfg = Defaults()
	if err := cfg.UseWorkload("bank", func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if line := cfg.SetUp(); !strings.Contains(line, "closed loop; workload bank; 1000 keys; 5s after") {
		t.Errorf("bank: %q", line)
	}
	if cfg.Clients != Defaults().Clients {
		t.Errorf("bank: %d clients", cfg.Clients)
	}
	for _, clients := range []int{16, 5} {
		cfg = Defaults()
		if clients != 16 {
			cfg.Clients = clients
		}
		given := func(flag string) bool { return clients != 16 && flag == "clients" }
		if err := cfg.UseWorkload("ttl", given); err != nil {
			t.Fatal(err)
		}
		want := "; workload ttl; 10000 keys, values of 100 bytes, TTL 1s; 5s after"
		if line := cfg.SetUp(); !strings.Contains(line, want) || cfg.Clients != clients {
			t.Errorf("ttl: %q, want %s and %d clients", line, want, clients)
		}
	}
	cfg.AtOnce = true
	if line := cfg.SetUp(); !strings.Contains(line, ", TTL 1s at once; 5s") {
		t.Errorf("at once: %q", line)
	}
}
