package server

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// hosts is what names and addresses lead to: addresses of listeners, "" for nobody.
type hosts struct {
	names map[string][]string
	at    map[string]string
}

func (h *hosts) lookup(_ context.Context, host string) ([]string, error) {
	if addrs, ok := h.names[host]; ok {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// dial connects as net.Dialer does: of a name to the first address that accepts.
func (h *hosts) dial(ctx context.Context, addr string) (net.Conn, error) {
	addrs, err := client.Resolve(ctx, h.lookup, addr)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		to, known := h.at[a]
		if !known {
			to = a
		}
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", to); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// silence accepts connections until the test ends, and says nothing on them. It
// returns its address.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			defer func() { _ = conn.Close() }()
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return listener.Addr().String()
}

// Every address of the name that a member advertises is a candidate, for its links,
// for joiners that load its state and for members that look for a joiner: an address
// that accepts and says nothing, one where another node answers, and one where nobody
// listens, are passed over.
func TestAdvertisedNameWithSeveralAddresses(t *testing.T) {
	for name, there := range map[string]func(t *testing.T) (addr string){
		"silence": silence,
		"another group": func(t *testing.T) string {
			return answering(t, &wire.HelloReply{Status: wire.StatusUnavailable, Info: wire.Info{NodeID: "n1", Incarnation: 1, Group: 1, Generation: 1}})
		},
		"nobody": func(*testing.T) string { return "127.0.0.1:1" },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			first := there(t)
			h := &hosts{names: map[string][]string{}, at: map[string]string{}}
			listeners := map[string]net.Listener{}
			ids := []string{"n1", "n2", "n3"}
			for i, id := range ids {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				host := string(rune('1' + i))
				h.names[id] = []string{"10.0.9." + host, "10.0.0." + host}
				h.at["10.0.9."+host+":7"], h.at["10.0.0."+host+":7"] = first, l.Addr().String()
				listeners[id] = l
			}
			for _, id := range ids {
				g.start(id, func(c *Config) {
					c.Listener, c.Advertise = listeners[id], id+":7"
					c.Dial, c.lookup = h.dial, h.lookup
				})
			}
			c := g.client("n1")
			c.set("k", "v")
			if got := c.get(g.client("n3").conn, "k"); got != "v" {
				t.Errorf("n3 has %q", got)
			}
			for _, id := range ids {
				eventually(t, id+" has links to all", func() bool {
					return !slices.ContainsFunc(g.nodes[id].Status().Members, func(m MemberStatus) bool { return !m.Connected })
				})
			}
		})
	}
}

// A member that is at none of its name's addresses is named with what is there, and so
// is a name that does not resolve.
func TestAdvertisedNameNotFound(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	foreign := answering(t, &wire.HelloReply{Status: wire.StatusUnavailable, Info: wire.Info{NodeID: "x1", Incarnation: 9, Group: 1, Generation: 1}})
	h := &hosts{
		names: map[string][]string{"two": {"10.0.0.1", "10.0.0.2"}},
		at:    map[string]string{"10.0.0.1:7": "127.0.0.1:1", "10.0.0.2:7": foreign},
	}
	g.start("n1", func(c *Config) { c.Dial, c.lookup = h.dial, h.lookup })
	for addr, texts := range map[string][]string{
		"two:7":     {"n2 advertises two:7", "the name two:7 has 2 addresses", "10.0.0.1:7: dial tcp", "10.0.0.2:7: x1 of another group (1) answers"},
		"nowhere:7": {"n2 advertises nowhere:7", "no such host"},
	} {
		_, err := g.tryStart("n2", func(c *Config) { c.Advertise, c.Dial, c.lookup = addr, h.dial, h.lookup })
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		for _, text := range texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q in it", addr, err, text)
			}
		}
	}
}
