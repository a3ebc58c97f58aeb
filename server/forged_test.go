package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/forged"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// greetAs greets a node in the name of a member, and returns the answer.
func (g *group) greetAs(to string, from isis.MemberID) wire.HelloReply {
	g.t.Helper()
	conn := g.dialRaw(to)
	info := g.nodes[to].current.Load().info()
	if err := wire.WriteHello(conn, forged.Hello(&info, from)); err != nil {
		g.t.Fatal(err)
	}
	reply, err := wire.ReadHelloReply(conn)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply
}

// Whoever knows the names of all members can take no member's place: no link ends, and no
// member of any rank goes.
func TestForgedPeers(t *testing.T) {
	g := newGroup(t, slowly())
	var out lockedBuffer
	logged := func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&out, nil)) }
	g.start("n1", logged)
	g.start("n2", nil)
	g.start("n3", nil)
	c := g.client("n1")
	c.set("k", "v")
	view := g.nodes["n1"].Status().View
	for _, pair := range [][2]string{{"n1", "n2"}, {"n1", "n3"}, {"n2", "n3"}} {
		from := g.nodes[pair[1]].current.Load().self
		for range 20 {
			if r := g.greetAs(pair[0], from); r.Status != wire.StatusUnavailable || !strings.Contains(r.Message, "does not prove") {
				t.Fatalf("%s answers a greeting in the name of %s: %+v", pair[0], from, r)
			}
		}
		c.set("k", "w")
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		for _, p := range g.nodes[id].current.Load().net.AppendPeers(nil) {
			if !p.Connected || p.Broken != nil || p.Dead != nil {
				t.Errorf("a link of %s: %+v", id, p)
			}
		}
	}
	if after := g.nodes["n1"].Status(); after.View != view || len(after.Members) != 3 {
		t.Errorf("view %d with %v after %d", after.View, after.Members, view)
	}
	if lines := strings.Count(out.String(), "peer refused"); lines == 0 || lines > 20 {
		t.Errorf("it is logged %d times: %s", lines, out.String())
	}
}

// Who only knows a member's name is told no keys by the registry.
func TestKeysOfOthers(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	client, err := registry.Dial(g.registry.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r := g.nodes["n2"].current.Load()
	if r.key == ([16]byte{}) {
		t.Fatal("a node shares no key with the registry")
	}
	for name, tc := range map[string]struct {
		key  membership.Key
		told bool
	}{"its own": {r.key, true}, "another's": {membership.Key{1}, false}, "none": {membership.Key{}, false}} {
		from := r.from()
		from.Key = tc.key
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := client.Watch(ctx, from, func(d *membership.Directive) {
			if got := len(d.Keys) > 0; got != tc.told {
				t.Errorf("who shows %s is told keys: %v", name, got)
			}
			cancel()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
