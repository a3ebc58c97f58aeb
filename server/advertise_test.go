package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

func TestAdvertised(t *testing.T) {
	for _, test := range []struct{ listener, registry, want string }{
		{"127.0.0.1:7000", "127.0.0.1:6001", "127.0.0.1:7000"},
		{"192.0.2.7:7000", "127.0.0.1:6001", "192.0.2.7:7000"},
		{"0.0.0.0:7000", "127.0.0.1:6001", "127.0.0.1:7000"},
		{"[::]:7000", "127.0.0.1:6001", "127.0.0.1:7000"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", test.listener)
		if err != nil {
			t.Fatal(err)
		}
		got, err := advertised(t.Context(), addr, test.registry, nil)
		if err != nil || got != test.want {
			t.Errorf("a listener on %s with its registry at %s advertises %q (%v), want %q", test.listener, test.registry, got, err, test.want)
		}
	}
	addr := &net.TCPAddr{IP: net.IPv6unspecified, Port: 7000}
	if _, err := advertised(t.Context(), addr, "127.0.0.1", nil); !errors.Is(err, ErrConfig) {
		t.Errorf("an address that cannot be told gives %v, want %v", err, ErrConfig)
	}
}

// A registry whose name does not resolve yet is waited for, within the start's context
// and the time that a registry has to answer, also while the look-up hangs.
func TestAdvertisedByName(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4zero, Port: 7000}
	notFound := &net.DNSError{Err: "no such host", Name: "registry", IsNotFound: true}
	for name, test := range map[string]struct {
		lookup  func(ctx context.Context, try int) ([]string, error)
		within  time.Duration // of the start; 0: no limit
		took    time.Duration
		isError error
	}{
		"appears": {func(_ context.Context, try int) ([]string, error) {
			if try < 3 {
				return nil, notFound
			}
			return []string{"127.0.0.1"}, nil
		}, 0, 2 * leastPause, nil},
		"never appears": {func(context.Context, int) ([]string, error) { return nil, notFound }, 0, registryPatience, registry.ErrUnreachable},
		"hangs": {func(ctx context.Context, _ int) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, time.Second, time.Second, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				if test.within > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.within)
				}
				defer cancel()
				tries, began := 0, time.Now()
				got, err := advertised(ctx, addr, "registry:6001", func(ctx context.Context, _ string) ([]string, error) {
					tries++
					return test.lookup(ctx, tries)
				})
				if !errors.Is(err, test.isError) || err == nil && got != "127.0.0.1:7000" || time.Since(began) != test.took {
					t.Errorf("%q, %v after %v, want %v after %v", got, err, time.Since(began), test.isError, test.took)
				}
			})
		})
	}
}

// A node that listens on all interfaces tells the group an address that others
// can dial.
func TestListenOnAllInterfaces(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n := g.start("n1", func(cfg *Config) { cfg.Listen = ":0" })
	_, port, err := net.SplitHostPort(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	want := net.JoinHostPort("127.0.0.1", port)
	if got := n.Advertised(); got != want {
		t.Errorf("the node advertises %q, want %q", got, want)
	}
	if got := n.Status().Members[0].ClientAddr; got != want {
		t.Errorf("the group knows it at %q, want %q", got, want)
	}
}

// A node warns of an address that others cannot dial, as far as it can know.
func TestWarnAdvertised(t *testing.T) {
	names := map[string]netip.Addr{"here": netip.MustParseAddr("127.0.1.1"), "there": netip.MustParseAddr("192.0.2.9"), "all": netip.IPv4Unspecified()}
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if ip, ok := names[host]; ok {
			return []netip.Addr{ip}, nil
		}
		return nil, errors.New("no such host")
	}
	const selfish, unknown = "is a loopback address", "does not resolve here"
	for _, test := range []struct{ advertise, listen, registry, want string }{
		{"127.0.0.1:7000", "127.0.0.1:7000", "127.0.0.1:6001", ""},
		{"127.0.0.1:7000", "127.0.0.1:7000", "here:6001", ""},
		{"127.0.0.1:7000", "127.0.0.1:7000", "nowhere:6001", ""},
		{"192.0.2.1:7000", "0.0.0.0:7000", "127.0.0.1:6001", ""},
		{"there:7000", "[::]:7000", "127.0.0.1:6001", ""},
		{"127.0.0.1:7000", "0.0.0.0:7000", "127.0.0.1:6001", selfish},
		{"[::1]:7000", "[::]:7000", "127.0.0.1:6001", selfish},
		{"[::ffff:127.0.0.1]:7000", "192.0.2.1:7000", "127.0.0.1:6001", selfish},
		{"here:7000", "[::]:7000", "127.0.0.1:6001", selfish},
		{"127.0.0.1:7000", "127.0.0.1:7000", "192.0.2.9:6001", selfish},
		{"127.0.0.1:7000", "127.0.0.1:7000", "there:6001", selfish},
		{"127.0.0.1:7000", "127.0.0.1:7000", "127.0.0.1:6001,there:6001", selfish},
		{"127.0.0.1:7000", "127.0.0.1:7000", "nowhere:6001,192.0.2.9:6001", selfish},
		{"127.0.0.1:7000", "127.0.0.1:7000", "127.0.0.1:6001,here:6001", ""},
		{"all:7000", "[::]:7000", "127.0.0.1:6001", selfish},
		{"nowhere:7000", "[::]:7000", "127.0.0.1:6001", unknown},
	} {
		var out bytes.Buffer
		listener, err := net.ResolveTCPAddr("tcp", test.listen)
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{Advertise: test.advertise, Registry: test.registry}
		warnAdvertised(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), &cfg, listener, lookup)
		if (test.want == "") != (out.Len() == 0) || !strings.Contains(out.String(), test.want) {
			t.Errorf("%+v logs %q", test, out.String())
		}
	}
}

// Start does so, and does not wait for it.
func TestStartWarnsOfLoopback(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var out lockedBuffer
	g.start("n1", func(cfg *Config) {
		cfg.Listen, cfg.Logger = ":0", slog.New(slog.NewTextHandler(&out, nil))
	})
	eventually(t, "a warning", func() bool { return strings.Contains(out.String(), "is a loopback address") })
}
