package server

import (
	"encoding/json"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/internal/member"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// openSessions opens sessions of a client at a node, and returns what it is answered.
func (g *group) openSessions(id, name string, n int) []wire.Reply {
	g.t.Helper()
	conn, err := driverside.Dial(g.t.Context(), g.nodes[id].Addr(), driverside.Options{Client: name})
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			g.t.Error(err)
		}
	}()
	replies := make([]wire.Reply, n)
	const atATime = 64
	var all sync.WaitGroup
	for from := range atATime {
		all.Go(func() {
			for i := from; i < n; i += atATime {
				reply, err := conn.Write(g.t.Context(), 0, wire.Command{Op: wire.OpOpenSession})
				if err != nil {
					g.t.Error(err)
				}
				replies[i] = reply
			}
		})
	}
	all.Wait()
	return replies
}

// A client that opens sessions without end is refused at its own bound, whichever
// node it asks, and others go on; the status of every node names it.
func TestClientThatLeaksSessions(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	limit := g.nodes["n1"].Status().Sessions.ClientLimit
	refused := 0
	replies := append(g.openSessions("n1", "leaks", limit-50), g.openSessions("n2", "leaks", 100)...)
	for _, reply := range replies {
		switch {
		case reply.Status == wire.StatusOK:
		case reply.Status == wire.StatusTooManySessions && reply.Number == wire.BoundOfClient && reply.Version == uint64(limit):
			refused++
		default:
			t.Fatalf("%+v", reply)
		}
	}
	if refused != 50 {
		t.Errorf("%d of %d were refused, %d are allowed", refused, len(replies), limit)
	}
	if reply := g.openSessions("n1", "well", 1)[0]; reply.Status != wire.StatusOK {
		t.Errorf("another client at the same address: %+v", reply)
	}
	embedded := g.connect("n2").(wire.Bounded).Within(t.Context(), "inside", wire.Secret{})
	if reply, err := embedded.Write(t.Context(), 0, wire.Command{Op: wire.OpOpenSession}); err != nil || reply.Status != wire.StatusOK {
		t.Errorf("a client in a node: %+v, %v", reply, err)
	}
	for _, id := range []string{"n1", "n2"} {
		eventually(t, "the status has the sessions", func() bool {
			s := g.nodes[id].Status().Sessions
			return s.Alive == limit+2 && s.Clients == 3 && slices.Equal(s.Most, []ClientStatus{
				{"leaks", "127.0.0.1", limit}, {"inside", "embedded in n2", 1}, {"well", "127.0.0.1", 1},
			})
		})
	}
}

// What a client says of itself in a command counts for nothing.
func TestClientCannotNameAnother(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	conn := g.dial("n1")
	reply, err := conn.Write(t.Context(), 0, wire.Command{Op: wire.OpOpenSession, Key: "another", Value: []byte("10.0.0.1")})
	if err != nil || reply.Status != wire.StatusOK {
		t.Fatal(reply, err)
	}
	if s := g.nodes["n1"].Status().Sessions; !slices.Equal(s.Most, []ClientStatus{{"", "127.0.0.1", 1}}) {
		t.Errorf("%+v", s)
	}
}

// As long as a member does not know of clients, no command names one.
func TestClientsAreNotNamedBelowTheirLevel(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	r := g.nodes["n1"].current.Load()
	if level := r.reader.FeatureLevel(); level != wire.LevelNewest {
		t.Errorf("a view of this release has level %d", level)
	}
	if cmd := r.front.openSession(clientName{"c", "10.0.0.1"}, wire.Lock{}, &wire.Command{Op: wire.OpOpenTimed, Delta: 100}); cmd.Op != wire.OpOpenTimed || cmd.Delta != 100 || cmd.Key != "c" || string(cmd.Value) != "10.0.0.1" {
		t.Errorf("it opens a session by %+v", cmd)
	}
	unknown := &front{reader: member.New(member.Config{}).Reader()} // in a view of which nothing is known
	if cmd := unknown.openSession(clientName{"c", "10.0.0.1"}, wire.Lock{1}, &wire.Command{Op: wire.OpOpenSession}); cmd.Op != wire.OpOpenSession || cmd.Key != "" || cmd.Value != nil {
		t.Errorf("below the level it opens a session by %+v", cmd)
	}
}

// The log names who has the most, now and then only.
func TestCrowdedIsLogged(t *testing.T) {
	var lines strings.Builder
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	g.openSessions("n1", "most", 3)
	r := g.nodes["n1"].current.Load()
	told := &front{reader: r.reader, log: slog.New(slog.NewJSONHandler(&lines, nil))}
	r.do(func(*member.Member) {
		for range 100 {
			told.tellCrowd(&store.Crowd{
				Client: store.ClientSessions{Name: "leaks", Address: "10.0.0.1", Sessions: 8000},
				Bound:  store.Bound{Of: wire.BoundOfClient, Sessions: 8000, Most: 10_000},
			})
		}
	})
	logged := strings.Split(strings.TrimSpace(lines.String()), "\n")
	if len(logged) == 0 || len(logged) > 20 {
		t.Errorf("%d lines", len(logged))
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(logged[0]), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"level": "WARN", "of": "client", "client": "leaks", "address": "10.0.0.1", "sessions": 8000.0, "limit": 10_000.0, "most_client": "most", "most_sessions": 3.0,
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
}

func TestNameOf(t *testing.T) {
	for _, tc := range []struct{ called, remote, address string }{
		{"a", "10.0.0.1:5", "10.0.0.1"},
		{"b", "[fe80::1%eth0]:5", "fe80::1%eth0"},
		{"c", "pipe", "pipe"},
	} {
		if got := nameOf(tc.called, addr(tc.remote)); got != (clientName{tc.called, tc.address}) {
			t.Errorf("%s: %+v", tc.remote, got)
		}
	}
}

// addr is an address of no network.
type addr string

func (addr) Network() string  { return "none" }
func (a addr) String() string { return string(a) }

var _ net.Addr = addr("")
