package server

import (
	"errors"
	"net"
	"testing"

	"github.com/seed-8247e700/dsm/internal/netfault"
	"github.com/seed-8247e700/dsm/registry"
)

// throughProxy lets nodes be started that reach each other and the registry
// through a proxy, by their ids: change is for start. The registry's name there is
// "registry".
func (g *group) throughProxy() (proxy *netfault.Proxy, change func(id string) func(*Config)) {
	g.t.Helper()
	proxy, err := netfault.Listen()
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		for id := range g.nodes {
			g.close(id) // before the proxy, without which they could not leave
		}
		if err := proxy.Close(); err != nil {
			g.t.Error(err)
		}
	})
	proxy.Name(g.registry.Addr(), "registry")
	return proxy, func(id string) func(*Config) {
		return func(c *Config) {
			l, err := proxy.ListenAs(id)
			if err != nil {
				g.t.Fatal(err)
			}
			c.Listener, c.Dial = l, proxy.Dialer(id)
		}
	}
}

// Every connection that a node opens goes through its Dial, and a link that is
// reset resumes.
func TestDial(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	proxy, through := g.throughProxy()
	for _, id := range []string{"n1", "n2", "n3"} {
		g.start(id, through(id))
	}
	for _, ends := range [][2]string{{"n1", "registry"}, {"n1", "n2"}, {"n2", "n3"}, {"n1", "n3"}} {
		if proxy.Reset(ends[0], ends[1]) == 0 {
			t.Errorf("%s and %s are connected past the proxy", ends[0], ends[1])
		}
	}
	g.client("n1").set("k", "after the links were broken")
}

// A listener that is given is closed when the node cannot start.
func TestListenerOfAFailedStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{ID: "no name", Registry: "127.0.0.1:1", Listener: l}); !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener was left open: %v", err)
	}
}
