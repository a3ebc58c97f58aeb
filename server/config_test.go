package server

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// The defaults are those of the documentation.
func TestConfigDefaults(t *testing.T) {
	got := Config{Registry: " a:1 "}.withDefaults()
	if got.Logger == nil || got.Dial == nil || got.lookup == nil {
		t.Errorf("no logger, dialer or look-up: %+v", got)
	}
	if got.Registry != "a:1" {
		t.Errorf("registry %q", got.Registry)
	}
	got.Logger, got.Dial, got.lookup = nil, nil, nil
	want := Config{
		Registry: got.Registry, Listen: "127.0.0.1:0",
		MaxValueBytes: 1 << 20, MaxConns: 16384, MaxInFlight: 16384, MaxAdmittedBytes: 64 << 20,
		MaxLagBytes: 256 << 20, WatchHistory: 4 << 20, MaxUnreadBytes: 512 << 20, LeaveTimeout: 5 * time.Second, Window: 2, MaxBatchBytes: 1 << 20,
		framePatience: 30 * time.Second, level: wire.LevelNewest,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("defaults %+v, want %+v", got, want)
	}
	logger, dial := testLogger(t), func(context.Context, string) (net.Conn, error) { return nil, nil }
	if got := (Config{Logger: logger, Dial: dial, Window: 7}).withDefaults(); got.Logger != logger || got.lookup != nil || got.Window != 7 {
		t.Errorf("what was set has become %+v", got)
	}
}

// A Config is judged before anything is opened. What is allowed is allowed up to the
// bounds.
func TestConfigBounds(t *testing.T) {
	const most = int(^uint(0)>>1) / 4
	bound := func(set func(*Config, int), least, limit int) (changes map[bool][]func(*Config)) {
		changes = map[bool][]func(*Config){}
		for v, good := range map[int]bool{least: true, limit: true, least - 1: false, limit + 1: false} {
			if v != 0 { // which stands for the default
				changes[good] = append(changes[good], func(c *Config) { set(c, v) })
			}
		}
		changes[false] = append(changes[false], func(c *Config) { set(c, -1) })
		return changes
	}
	cases := []map[bool][]func(*Config){
		bound(func(c *Config, v int) { c.MaxValueBytes = v }, 20, 16<<20),
		bound(func(c *Config, v int) { c.MaxConns = v }, 1, 1<<20),
		bound(func(c *Config, v int) { c.MaxInFlight = v }, 1, 1<<20),
		bound(func(c *Config, v int) { c.MaxAdmittedBytes = v }, 1, most),
		bound(func(c *Config, v int) { c.MaxLagBytes = v }, 1, most),
		bound(func(c *Config, v int) { c.WatchHistory = v }, 1<<20, most),
		bound(func(c *Config, v int) { c.MaxUnreadBytes = v }, 1, most),
		bound(func(c *Config, v int) { c.Window = v }, 1, 64),
		bound(func(c *Config, v int) { c.MaxBatchBytes = v }, 1, 16<<20),
		bound(func(c *Config, v int) { c.ID = strings.Repeat("n", max(v, 0)) }, 1, 64),
		{
			true: {
				func(c *Config) { c.Listen, c.Listener = "7000", closedListener{} },
				func(c *Config) { c.Advertise = "here:7000" },
				func(c *Config) { c.ID = "aZ09._-" },
				func(c *Config) { c.Registry = "a:1,b:2" },
			},
			false: {
				func(c *Config) { c.Registry = "" },
				func(c *Config) { c.Registry = "a:1,b" },
				func(c *Config) { c.Listen = "7000" },
				func(c *Config) { c.Advertise = "here" },
				func(c *Config) { c.ID = "a b" },
				func(c *Config) { c.ID = "" },
				func(c *Config) { c.LeaveTimeout = -1 },
			},
		},
	}
	for _, changes := range cases {
		for good, list := range changes {
			for _, change := range list {
				c := Config{ID: "n1", Registry: "127.0.0.1:1"}
				change(&c)
				c = c.withDefaults()
				if err := c.validate(); (err == nil) != good || err != nil && !errors.Is(err, ErrConfig) {
					t.Errorf("%+v: %v", c, err)
				}
			}
		}
	}
	c := Config{ID: "n1", Registry: "127.0.0.1:1"}.withDefaults()
	c.LeaveTimeout = 0 // as nobody can set it
	if err := c.validate(); err != nil {
		t.Error(err)
	}
}

// closedListener is a listener that nothing comes from.
type closedListener struct{ net.Listener }

// The registry is reached through Dial, if one is given, and else by its addresses.
func TestDialRegistry(t *testing.T) {
	unreachable := errors.New("no route")
	dials := 0
	c := Config{Registry: "127.0.0.1:1", Dial: func(context.Context, string) (net.Conn, error) {
		dials++
		return nil, unreachable
	}}.withDefaults()
	ask := func() error {
		client, err := c.dialRegistry()
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return client.(*registry.Client).Leave(ctx, (&replica{}).from(), false, "")
	}
	if err := ask(); !errors.Is(err, registry.ErrUnreachable) || dials == 0 {
		t.Errorf("%d dials, %v", dials, err)
	}
	dials, c.lookup = 0, func(context.Context, string) ([]string, error) { return nil, unreachable }
	if err := ask(); !errors.Is(err, registry.ErrUnreachable) || dials != 0 {
		t.Errorf("by its address: %d dials, %v", dials, err)
	}
	for _, lookup := range []bool{true, false} {
		bad := Config{Registry: "nowhere", before: func(c registryClient) registryClient {
			t.Error("it goes on with a client that there is not")
			return c
		}}
		if lookup {
			bad.lookup = c.lookup
		}
		if _, err := bad.dialRegistry(); err == nil {
			t.Error("an address that is none is dialled")
		}
	}
	between := hangingRegistry{}
	c.before = func(registryClient) registryClient { return between }
	if got, err := c.dialRegistry(); err != nil || got != registryClient(between) {
		t.Errorf("%v, %v, want what stands before the registry", got, err)
	}
}
