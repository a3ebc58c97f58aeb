package server

import (
	"errors"
	"net"
	"testing"

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
		got, err := advertised(addr, test.registry)
		if err != nil || got != test.want {
			t.Errorf("a listener on %s with its registry at %s advertises %q (%v), want %q", test.listener, test.registry, got, err, test.want)
		}
	}
	addr := &net.TCPAddr{IP: net.IPv6unspecified, Port: 7000}
	if _, err := advertised(addr, "127.0.0.1:nosuchport"); !errors.Is(err, ErrConfig) {
		t.Errorf("an address that cannot be told gives %v, want %v", err, ErrConfig)
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
